"""The library of the course: from 16 kHz speech to text, small enough to read.

Read these eight files, in this order:

    audio.py        a sound file → waveform (samples,) → log-mel (frames, 128)
    subsampling.py  log-mel → frames of 40 ms or 80 ms: convolutions and the pool
    encoder.py      log-mel → embeddings (frames / 8, 192): subsampling and attention blocks
    ctc.py          embeddings → log-probabilities of 29 symbols, and the CTC loss
    decoding.py     log-probabilities → text
    metrics.py      text against reference: word and character error rates, with intervals
    trainer.py      the training loop: batches, loss, gradient, step, log, checkpoint
    stage_e.py      the trained encoder as the next stage loads it

The other modules here: `text` (the symbols, and the rule for texts), `text_rules/` (the
patterns of that rule), `manifest` (the list of utterances), `alignment` (which frame belongs to which
letter), `recogniser` (encoder and head together), `weights` (reading a checkpoint), `config` (every setting)
and `errors`.

The folders:

    cli/         the command `omni`: its options (`options.py`, `data_options.py`), and what each command does
    course/      the lessons: exercises, how an answer is judged (`exercises/checking.py`), widgets, figures
    inference/   using a trained model: evaluate, transcribe, stream, beam search, export
    runs/        one run in one folder: start it in the background, lock, log, status, stop
    training/    the parts of an epoch: padding (`batching.py`), augmentation, loss, optimiser, checkpoints
    corpora/     where speech comes from: the synthesiser, published corpora, your own folder
    machine/     this computer: devices, processes, memory, files written whole, `omni doctor`; the
                 readers of files: sound containers (`sound/`) and tables

`train.py` is `python -m omni_lib.train`. `session.py` holds the function `train`: it locks the folder of the
run, lets `training/resumption.py` load the newest checkpoint and refuse changed settings or data, and runs
the loop. `Trainer.restore` (`trainer.py`) restores the state of a stopped run. Imports run one way: command
line, course, session, trainer, inference, runs, training, model, corpora, machine.
"""
