"""The voice recorder without a browser, with messages as the browser sends them."""

import pytest
import torch

from omni_lib.audio import read_audio
from omni_lib.course import materials, recordings
from omni_lib.course.recordings import LONGEST, PROMPTS, RECORDINGS
from omni_lib.course.widgets.voice_recorder import VoiceRecorder, voice_recorder
from omni_lib.manifest import read_manifest


def message(name: str, source: str = "microphone"):
    samples = (
        (read_audio(materials.clips()[name].path) * 32_767).round().to(torch.int16).numpy().astype("<i2")
    )
    return {"kind": "recording", "rate": 16_000, "source": source}, [memoryview(samples.tobytes())]


@pytest.fixture
def recorder(tmp_path, monkeypatch) -> VoiceRecorder:
    """With the encoder of the embedded corpus, which transcribes these clips rightly."""
    monkeypatch.setattr(recordings, "VOICE", tmp_path / "none.pt")
    return voice_recorder(tmp_path / "mine")


def send(recorder: VoiceRecorder, content, buffers) -> None:
    """Deliver a message as the browser does."""
    recorder.microphone._handle_custom_msg(content, buffers)


def test_a_recording_becomes_text_times_picture_and_sound(recorder):
    assert recorder.add.disabled and "Press Record" in recorder.summary.value
    recorder.said.value = "hello world"
    send(recorder, *message("hello"))
    assert (
        "Your voice, 1.31 s, is transcribed as &#x27;hello world&#x27;. 0 errors in 2 words: WER 0%"
        in recorder.summary.value
    )
    assert "hello 0." in recorder.times.value and "world 0." in recorder.times.value
    assert recorder.picture.image and recorder.picture.sound and len(recorder.picture.notes) == 48
    first = recorder.picture.image
    send(recorder, *message("digits", source="file"))
    assert "Your file, 2.36 s, is transcribed as &#x27;one zero" in recorder.summary.value
    assert recorder.picture.image != first


def test_the_transcript_is_compared_with_the_text_while_it_is_typed(recorder):
    send(recorder, *message("hello"))
    recorder.said.value = "hello word"
    assert "1 error in 2 words: WER 50%" in recorder.summary.value and 'bold">S<' in recorder.comparison.value
    recorder.said.value = "hello hovercraft"
    assert "Not in the embedded corpus: hovercraft." in recorder.summary.value
    recorder.said.value = ""
    assert "Write what you said" in recorder.summary.value and not recorder.comparison.value
    recorder.said.value = "hello 2"
    assert "⚠ the text holds &#x27;2&#x27;" in recorder.summary.value
    recorder.prompt.value = PROMPTS[3]
    assert recorder.said.value == PROMPTS[3]


@pytest.mark.parametrize(
    ("content", "buffers", "words"),
    [
        (
            {"kind": "recording", "rate": 16_000, "source": "file"},
            [b"abc"],
            "3 bytes, which are not 16-bit samples",
        ),
        ({"kind": "recording", "rate": 8_000, "source": "file"}, [b"ab"], "8000 Hz instead of 16000"),
        ({"kind": "recording", "rate": 16_000, "source": "file"}, [bytes(64_000)], "the recording is silent"),
        ({"x": 1}, [], "not a recording"),
    ],
)
def test_a_message_without_a_recording_is_refused_in_one_line_and_the_last_one_stays(
    recorder, content, buffers, words
):
    send(recorder, *message("hello"))
    before = recorder.picture.image
    send(recorder, content, buffers)
    assert "⚠" in recorder.summary.value and words in recorder.summary.value
    assert recorder.picture.image == before and not recorder.add.disabled


def test_adding_writes_one_row_for_each_recording(recorder, tmp_path):
    send(recorder, *message("hello"))
    recorder.said.value = "hello world"
    recorder.add.click()
    assert recorder.add.disabled and "its row are in" in recorder.kept.value
    send(recorder, *message("how"))
    assert not recorder.add.disabled and not recorder.kept.value
    recorder.said.value = ""
    recorder.add.click()
    assert "⚠ write what you said first" in recorder.summary.value
    recorder.said.value = "how are you"
    recorder.add.click()
    assert [row.text for row in read_manifest(tmp_path / "mine" / "asr.csv").utterances] == [
        "hello world",
        "how are you",
    ]


def test_limits_and_a_static_figure_are_shown_before_the_first_recording(recorder):
    assert (
        "were not in its training data, it makes more errors" in recorder.limits.value
        and "written to disk only if" in recorder.limits.value
    )
    assert recorder.microphone.longest == LONGEST
    data, _ = recorder.still_bundle()
    assert "which is transcribed as 'hello world'" in data["text/plain"] and data["image/png"]
    assert voice_recorder().folder == RECORDINGS
