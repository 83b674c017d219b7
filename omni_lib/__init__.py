"""The library of the course: from 16 kHz speech to text, small enough to read.

Read these seven files, in this order:

    audio.py        a sound file → waveform (samples,) → log-mel (frames, 128)
    encoder.py      log-mel → embeddings (frames / 8, 192): subsampling and attention blocks
    ctc.py          embeddings → log-probabilities of 29 symbols, and the CTC loss
    decoding.py     log-probabilities → text
    metrics.py      text against reference: word and character error rates, with intervals
    trainer.py      the training loop: batches, loss, gradient, step, log, checkpoint
    stage_e.py      the trained encoder as the next stage loads it

Beside them stand `text` (the symbols), `manifest` (the list of utterances), `alignment` (which frame says which letter),
`recogniser` (encoder and head together), `weights` (reading a checkpoint), `config` (every setting) and `errors`.

The folders:

    course/      the lessons: exercises and how an answer is judged (`exercises/checking.py`), widgets, figures
    inference/   what a trained recogniser does: evaluate, transcribe, stream, search with a language model, export
    runs/        one run in one folder: start and resume it in the background, lock, log, status, stop
    training/    what a step and an epoch are made of: pad a batch (`batching.py`), augment, loss, optimiser, checkpoints
    corpora/     where speech comes from: the synthesiser, published corpora, your own folder
    machine/     what this computer is and can: devices, processes, memory, files, `omni doctor`

`cli.py` is the command `omni`, and `train.py` is `python -m omni_lib.train`. A stopped run is resumed in `trainer.py`
(`Trainer.restore`). Imports run one way: command line, course, trainer, inference, runs, training, model, corpora, machine.
"""
