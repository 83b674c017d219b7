"""Lesson 05: its questions. Its code exercises stand in `full_training`."""

from __future__ import annotations

from omni_lib.course.exercises.questions import Choice, Number, Reflection

loss_scale = Choice(
    key="05.loss_scale",
    hints=(
        "The first loss is frames · ln 29 - ln(paths), summed over an utterance. What in it can "
        "differ between two corpora?",
    ),
    prompt=(
        "Two untrained encoders with the same settings are measured before their first step, each on a "
        "corpus of its own. The loss of the first is 270 nats per utterance, that of the second 82. What do "
        "you conclude?"
    ),
    options={
        "a": "The clips of the first are longer on average",
        "b": "The first is initialised badly: the chapter says 50 to 100",
        "c": "The first has the higher learning rate",
        "d": "The second has seen its data before",
    },
    right="a",
    replies={
        "a": "Yes: before training, the loss grows with the number of frames. 50 to 100 is the "
        "range of short clips only.",
        "b": "Predict both before you judge: frames · ln 29 - ln(paths) has no fixed size. What in it "
        "differs between two corpora?",
        "c": "Before the first step the learning rate has had no effect. What in frames · ln 29 "
        "- ln(paths) differs between two corpora?",
        "d": "An untrained encoder has seen nothing. What in frames · ln 29 - ln(paths) differs between "
        "two corpora?",
    },
)

overfit_first = Choice(
    key="05.overfit_first",
    hints=("Four clips by heart is the easiest task that a model can have. What does it mean if it fails?",),
    prompt=(
        "You train a new model on one batch, over and over, and after many more steps than above "
        "its transcripts are still empty. What do you do first?"
    ),
    options={
        "a": "Collect more data, and clips of more voices, before anything else is changed",
        "b": "Train it on the whole corpus: one batch is too little to learn from",
        "c": "Look for a mistake in the code or the settings",
        "d": "Add dropout and SpecAugment",
    },
    right="c",
    replies={
        "a": "The model does not even learn by heart the clips that it has. More clips make the task harder.",
        "b": "To learn four clips by heart is the easiest task that a model can have. What fails on one "
        "batch fails on the whole corpus too, only later.",
        "c": "Yes: in targets, lengths, masks, the sign of the loss, a frozen layer, the rate. A "
        "model that cannot learn four clips by heart has such a mistake, and here a new try "
        "takes a minute.",
        "d": "Both make it harder to learn clips by heart. They help a model that does this too well, and "
        "fails on other clips.",
    },
)

read_range = Choice(
    key="05.read_range",
    hints=("A real run stays near its peak rate for hundreds of steps, with batches of all kinds.",),
    prompt="In a range test the loss falls, first slowly and then steeply, and above a certain "
    "rate it rises again. Which peak rate do you train with?",
    options={
        "a": "The highest rate at which the loss has not risen yet",
        "b": "The lowest rate of the test, to be safe",
        "c": "The rate at which the loss rises again, after a long warm-up",
        "d": "A third to a tenth of the rate at which it rises again",
    },
    right="d",
    replies={
        "a": "A real run stays near its peak for hundreds of steps. So close to the limit, one "
        "bad batch is enough to spoil the training.",
        "b": "That is safe, and slow: at the left end the loss hardly changes.",
        "c": "A warm-up only delays it: after the warm-up the rate is too high all the same.",
        "d": "Yes, a usual choice: the loss still falls there, and the limit is not near.",
    },
)

chapter_hours = Number(
    key="05.chapter_hours",
    hints=("How many seconds do 2500 steps of 3.25 s take? An hour has 3600.",),
    prompt=(
        "The chapter's listing runs 2500 steps at 3.0 to 3.5 s a step, and ends with 'Time: 8h 15m'. "
        "How many hours are 2500 steps at 3.25 s?"
    ),
    right=2500 * 3.25 / 3600,
    unit="h",
    tolerance=0.05,
    praise="At 3.0 to 3.5 s a step, the steps take 2.1 to 2.4 hours. So the figures of this listing "
    "contradict each other, and the others need checking too.",
    slips=(
        (8.25, "That is what the listing says. Multiply: 2500 · 3.25 s, and 3600 s are an hour."),
        (8125, "Those are seconds."),
        (2500 * 3.25 / 60, "Those are minutes."),
        (2500 * 3.0 / 3600, "That is for the shortest step of the listing."),
        (2500 * 3.5 / 3600, "That is for the longest step of the listing."),
    ),
)

epoch_of_step_1000 = Number(
    key="05.epoch_of_step_1000",
    hints=(
        "How many batches of 8 are there in 1000 utterances?",
        "The first epoch has steps 1 to 125, the second 126 to 250, and so on.",
    ),
    prompt=(
        "The listing shows [Step 1000/2500] below 'Epoch 1/20'. With 1000 utterances in batches of "
        "8, in which epoch is step 1000 taken?"
    ),
    right=8,
    tolerance=0,
    praise="An epoch has 125 steps, so step 1000 is the last of epoch 8: the loss of 18.67 "
    "cannot belong to epoch 1.",
    slips=(
        (1, "That is what the listing says. How many steps does an epoch have?"),
        (9, "Step 1001 is the first of epoch 9."),
        (125, "That is the number of steps of an epoch."),
    ),
)

why_resume = Reflection(
    key="05.why_resume",
    hints=(
        "What else in a training depends on the steps before? And what would a new random "
        "generator do after the restart?",
    ),
    prompt="A run that is stopped and resumed ends with the same weights, bit for bit, as one that was not. "
    "Besides the weights, what must the checkpoint hold, and how must random numbers be drawn?",
    model="The state of the optimisers (their momenta), the averaged weights and the step. And every random"
    " number is drawn from seed, epoch and row, or from seed and step, never by a generator "
    "whose state a restart would lose.",
    points=(
        "the state of the optimisers",
        "the step (and the averaged weights)",
        "random numbers are drawn from the seed and the place in the training, not by one running generator",
    ),
)

one_change = Reflection(
    key="05.one_change",
    hints=(
        "Take a setting whose meaning you know, such as `learning_rate`, `muon_rate`, `batch_size` or "
        "`ctc_frames_per_embedding`.",
        "A prediction must be able to fail: name the curve, its direction, and the step at which you look.",
    ),
    prompt="Which one setting do you change, what do you expect of the loss and of the WER, and what would "
    "show that you were wrong?",
    model="I set muon_rate to 0, so that AdamW alone trains the matrices of the blocks, too. I expect the "
    "loss to fall more slowly, and the WER to reach 0 later, because Muon takes steps of "
    "similar length in many directions, and AdamW mostly in a few. I am wrong if the loss at step 40 is as "
    "low as the library's, within what another seed changes.",
    points=(
        "one setting, and its new value",
        "what the loss and the WER will do",
        "why",
        "a result that would contradict it",
    ),
)

recipe_refused = Choice(
    key="05.recipe_refused",
    hints=(
        "Lesson 03: a text needs a CTC frame for each letter. There are 12.5 embeddings a second, and"
        " about 16 letters.",
    ),
    prompt="`omni train` refuses the chapter's recipe for the embedded corpus. What is wrong with "
    "the recipe, and "
    "what is the smallest change that corrects it?",
    options={
        "a": "Batches of 8 are too small: set batch_size to 16, and accumulate",
        "b": "Too few CTC frames: take more from each embedding",
        "c": "The clips are too quiet: normalise their loudness",
        "d": "20 epochs are too few: set num_epochs to 80",
    },
    right="b",
    replies={
        "a": "Then the same rows are in fewer batches, and their loss is still infinite.",
        "b": "Yes: most texts have more letters than their clips have CTC frames, about 16 a second "
        "against 12.5. Two frames from each embedding are enough here. Our recipe takes 3, because it "
        "also trains on faster copies of the clips.",
        "c": "The refusal counts letters and frames; neither depends on how loud a clip is.",
        "d": "A text without a path has the probability 0 in every epoch.",
    },
)

# Three logs

_DIAGNOSES = {
    "a": "Rows without a CTC path: most of the data is not used",
    "b": "Too high a rate: the loss jumps up and down, and ends high",
    "c": "The blank plateau: nearly every frame is blank",
    "d": "Nothing: a healthy log looks the same at first",
}

log_one = Choice(
    key="05.log_one",
    hints=(
        "Look at the share of blanks, epoch by epoch.",
        "Compare it with the healthy log at the same epoch.",
    ),
    prompt="Log 1: what is wrong with this training?",
    options=_DIAGNOSES,
    right="c",
    replies={
        "a": "Count its steps: 125 an epoch are 1000 clips in batches of 8. All of them are "
        "used. What does the share of blanks do?",
        "b": "The loss goes up and down, mostly with the length of the clips in the last ten steps, but its "
        "trend is downwards. What does the share of blanks do?",
        "c": "Yes: nearly every frame is blank, still in epoch 3. One setting causes this. You will find it "
        "below the last log.",
        "d": "Compare its share of blanks with the healthy log's, epoch by epoch: here it stays near 100%.",
    },
)

log_two = Choice(
    key="05.log_two",
    hints=("Look at the loss in the first fifty steps.",),
    prompt="Log 2: what goes wrong first in this training?",
    options=_DIAGNOSES,
    right="b",
    replies={
        "a": "Count its steps: 125 an epoch are 1000 clips in batches of 8. All of them are "
        "used. What does the loss do in its first fifty steps?",
        "b": "Yes: the loss falls, and within ten steps more than doubles. From step 90 on, nearly every "
        "frame is blank.",
        "c": "Nearly every frame is blank from step 90 on, but something went wrong before: what does the "
        "loss do in its first fifty steps?",
        "d": "A healthy loss does not rise by so much: here it more than doubles within ten steps.",
    },
)

log_three = Choice(
    key="05.log_three",
    hints=("How many steps does an epoch have? How many clips is that, in batches of 8?",),
    prompt="Log 3: what is wrong with this training?",
    options=_DIAGNOSES,
    right="a",
    replies={
        "a": "Yes: 17 steps an epoch are at most 136 of 1000 clips. The training loss falls on those, but on "
        "dev nearly every word stays wrong.",
        "b": "Its loss falls from each point to the next. Count its steps an epoch: how many clips is that?",
        "c": "It has hardly any blanks, because its clips have hardly more CTC frames than "
        "letters. Count its steps an epoch.",
        "d": "The training loss falls, but the WER on dev never goes clearly below 100%. Count its steps an "
        "epoch: how many clips is that?",
    },
)
