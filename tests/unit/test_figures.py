"""The pictures of the lessons: small, transparent, and said in words."""

import io

import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

from omni_lib.audio import LogMel
from omni_lib.course import encoder_figures, mel_figures
from omni_lib.course.figures import shown

SOUND = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
MEL = LogMel()(SOUND)
PICTURES = {
    "waveform": lambda: mel_figures.waveform(SOUND, 0.5, "words"),
    "one frame": lambda: mel_figures.one_frame(SOUND, 0.5, "words"),
    "filters": lambda: mel_figures.filters((400, 1024), 400, "words"),
    "log-mels": lambda: mel_figures.log_mels([("a", MEL), ("b", MEL[:50])], "words"),
    "distributions": lambda: mel_figures.distributions(MEL.exp(), MEL, "words"),
    "distances": lambda: encoder_figures.distances({"a": torch.rand(9), "b": torch.zeros(9)}, "words"),
    "scores": lambda: encoder_figures.scores(torch.ones(5, 5), torch.rand(5, 5), "words"),
    "parameters": lambda: encoder_figures.parameter_bars([("a", 10**6), ("b", 2 * 10**6)], 10**7, "words"),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_small_and_says_what_it_shows(draw):
    before = plt.get_fignums()
    picture = draw()
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "words" and data["text/plain"] == "[figure: words]"
    assert len(picture.png) < 100_000
    assert plt.get_fignums() == before  # closed: it is not drawn a second time


def test_the_ground_is_transparent_and_colours_stay():
    figure, axes = plt.subplots(facecolor="none")
    axes.set_facecolor("none")
    axes.axvspan(0.4, 0.6, color="#0072B2")
    image = Image.open(io.BytesIO(shown(figure, "a blue bar").png)).convert("RGBA")
    assert image.getpixel((2, 2))[3] == 0
    middle = image.getpixel((image.width // 2, image.height // 2))
    assert middle[3] == 255
    assert max(abs(one - other) for one, other in zip(middle, (0x00, 0x72, 0xB2), strict=False)) <= 16
