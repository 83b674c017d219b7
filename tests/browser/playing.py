"""Playing an `<audio>` element in a test, also while its sound is still being sent or is replaced.

play(page.locator("audio"))      # its length in seconds; its time has advanced
page.evaluate(WATCH_WORDS)       # puts each word that is marked while it is said into `marked`
"""

from __future__ import annotations

import time

from playwright.sync_api import Locator

from tests.browser.pages import PATIENCE

# One look at the element. It returns what is missing, or the length of the sound once its time has advanced.
# A sound that is replaced rejects play() with an AbortError, and stops; the next look plays the new sound.
LOOK = """async (audio, first) => {
    if (first) delete audio.begun
    if (audio.error) throw new Error(`the sound cannot be played: ${audio.error.message}`)
    if (audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return "no sound is loaded"
    if (!(audio.duration > 0)) return "the sound has no length"
    const source = audio.currentSrc
    if (audio.begun?.source === source && audio.currentTime > audio.begun.second) {
        audio.pause()
        return audio.duration
    }
    if (audio.begun?.source !== source || audio.paused) {
        if (audio.ended) audio.currentTime = 0
        audio.muted = true
        audio.begun = { source, second: audio.currentTime }
        await audio.play().catch(error => { if (error.name !== "AbortError") throw error })
    }
    return "the time of the sound does not advance"
}"""

# A word is marked only while it is said, and a look from outside can miss that: the page notes each itself.
# The sound plays at a quarter of its speed, so that a busy page, too, draws a frame in each word.
WATCH_WORDS = """() => {
    const audio = document.querySelector("audio")
    audio.muted = true
    audio.playbackRate = 0.25
    window.marked = []
    new MutationObserver(() => {
        const word = document.querySelector(".word.now")?.textContent
        if (word && word !== marked.at(-1)) marked.push(word)
    }).observe(document.body, { subtree: true, attributeFilter: ["class"] })
}"""


def play(audio: Locator, timeout: float = PATIENCE) -> float:
    """Play an `<audio>` element until its time has advanced; its length in seconds.

    Raises:
        AssertionError: no sound is loaded, or its time does not advance, within `timeout` seconds.
        playwright.sync_api.Error: the browser cannot play the sound.
    """
    end, first = time.monotonic() + timeout, True
    while isinstance(seen := audio.evaluate(LOOK, first), str):
        assert time.monotonic() < end, f"waited {timeout:.0f} s in vain: {seen}"
        first = False
        audio.page.wait_for_timeout(50)  # lets the events of the page through
    return float(seen)
