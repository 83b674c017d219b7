// The browser part of SoundPicture: image, player, play head, and the time of a click.

const STEP = 0.05; // seconds that an arrow key moves the play head
const MARGIN = 0.06; // seconds that are played before and after a word

// One object URL at a time. The old one is revoked some time after the bytes change, because it may still be
// loading.
function objectUrl(type) {
  let url = null;
  return (bytes) => {
    const old = url;
    if (old) setTimeout(() => URL.revokeObjectURL(old), 10_000);
    url = bytes && bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type })) : null;
    return url;
  };
}

function element(parent, tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("omni-sound-picture");
  const frame = element(el, "div", "frame");
  const image = element(frame, "img", "picture");
  const head = element(frame, "div", "play-head");
  const notice = element(frame, "div", "notice");
  const player = element(el, "div", "player");
  const audio = element(player, "audio", "sound");
  const label = element(player, "span", "label");
  const problem = element(el, "div", "problem");
  const wordList = element(el, "div", "words");
  const note = element(el, "div", "note");
  audio.controls = true;
  audio.preload = "auto";
  problem.setAttribute("role", "status");
  head.hidden = true;
  head.tabIndex = 0;
  head.setAttribute("role", "slider");
  head.setAttribute("aria-label", "time of the play head, in seconds");

  const imageUrl = objectUrl("image/png");
  const soundUrl = objectUrl("audio/wav");
  let request = 0;
  let until = null; // of the sound, where a word ends that was clicked
  let second = null; // position of the play head on the time axis; null before the first sound or click

  function showImage() {
    const url = imageUrl(model.get("image"));
    frame.style.display = url === null ? "none" : "";
    if (url !== null) image.src = url;
  }

  function showWords() {
    image.alt = model.get("alt");
    label.textContent = model.get("sound_label");
    audio.setAttribute("aria-label", `play ${model.get("sound_label")}`);
  }

  function showSound() {
    const url = soundUrl(model.get("sound"));
    player.style.display = url === null ? "none" : "";
    until = null;
    problem.textContent = "";
    if (url !== null) {
      audio.src = url;
    } else {
      audio.pause();
      audio.removeAttribute("src");
      audio.load(); // lets go of the old sound
    }
    second = url === null ? null : model.get("sound_start");
    place();
  }

  // Why the image does not show the present settings; "" if it does.
  function showNotice() {
    notice.textContent = model.get("notice");
    frame.classList.toggle("stale", model.get("notice") !== "");
  }

  // A button for each word. It plays the word alone.
  function showWordList() {
    wordList.replaceChildren();
    const words = model.get("words");
    wordList.style.display = words.length ? "" : "none";
    if (words.length) element(wordList, "span", "lead").textContent = "Hear a word:";
    for (const word of words) {
      const made = element(wordList, "button", "word");
      made.type = "button";
      made.textContent = word.word;
      made.setAttribute("aria-label",
        `play the word ${word.word}, ${word.start.toFixed(2)} to ${word.end.toFixed(2)} seconds`);
      made.addEventListener("click", () => {
        const start = model.get("sound_start");
        audio.currentTime = Math.max(0, word.start - start - MARGIN);
        until = word.end - start + MARGIN;
        play();
      });
    }
  }

  // A pause or another sound that comes before the sound has begun is no failure. Any other reason is shown.
  function play() {
    problem.textContent = "";
    audio.play().catch((error) => {
      if (error.name === "AbortError") return;
      problem.textContent = error.name === "NotAllowedError"
        ? "The browser starts a sound only after a click. Press play."
        : `The browser cannot play this sound. Run the cell again. (${error.message})`;
    });
  }

  // Play what was set just now. The sound may be set by a later event of the same message.
  function playNow() {
    setTimeout(play, 0);
  }

  function place() {
    const [left, right] = [model.get("left"), model.get("right")];
    const [start, end] = [model.get("axis_start"), model.get("axis_end")];
    const notes = model.get("notes");
    const outside = second === null || second < start - 1e-6 || second > end + 1e-6;
    head.hidden = outside;
    const share = left + ((right - left) * (second - start)) / (end - start);
    head.style.left = outside ? "0" : `${100 * share}%`;
    head.setAttribute("aria-valuemin", start);
    head.setAttribute("aria-valuemax", end);
    head.setAttribute("aria-valuenow", outside ? start : second.toFixed(2));
    const words = model.get("words");
    [...wordList.querySelectorAll(".word")].forEach((button, index) => {
      const { start: from, end: to } = words[index] ?? { start: 0, end: 0 };
      const now = second !== null && audio.currentTime > 0 && from <= second && second < to;
      button.classList.toggle("now", now);
    });
    note.style.display = notes.length ? "" : "none";
    const index = second === null ? 0 : Math.floor(second / model.get("seconds_per_note") + 1e-6);
    note.textContent = notes.length ? notes[Math.min(Math.max(index, 0), notes.length - 1)] : "";
  }

  function follow() {
    if (until !== null && audio.currentTime >= until) {
      until = null;
      audio.pause();
    }
    second = model.get("sound_start") + audio.currentTime;
    place();
    request = audio.paused ? 0 : requestAnimationFrame(follow);
  }

  // The time at the mouse, or null beside the time axis.
  function timeAt(event) {
    const box = image.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const [left, right] = [model.get("left"), model.get("right")];
    if (share < left || share > right) return null;
    const [start, end] = [model.get("axis_start"), model.get("axis_end")];
    return start + ((share - left) / (right - left)) * (end - start);
  }

  function point(event) {
    const found = timeAt(event);
    if (found !== null) moveTo(found);
  }

  function moveTo(found) {
    until = null;
    second = found;
    const heard = second - model.get("sound_start");
    if (audio.duration && heard >= 0 && heard <= audio.duration) audio.currentTime = heard;
    place();
    model.set("pointed", second);
    model.save_changes();
  }

  audio.addEventListener("play", () => { cancelAnimationFrame(request); follow(); });
  audio.addEventListener("seeked", () => { if (audio.paused) follow(); });
  audio.addEventListener("ended", () => { until = null; follow(); });
  image.addEventListener("click", point);
  image.addEventListener("mousemove", (event) => {
    image.style.cursor = timeAt(event) === null ? "" : "crosshair";
  });
  head.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP };
    if (!(event.key in moves) || second === null) return;
    const [start, end] = [model.get("axis_start"), model.get("axis_end")];
    moveTo(Math.min(Math.max(second + moves[event.key], start), end));
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would move to another cell
  });
  const changes = [
    ["change:image", showImage],
    ["change:sound", showSound],
    ["change:alt change:sound_label", showWords],
    ["change:left change:right change:axis_start change:axis_end", place],
    ["change:words", showWordList],
    ["change:notice", showNotice],
    ["change:plays", playNow],
    ["change:notes change:seconds_per_note change:sound_start", place],
  ];
  for (const [names, react] of changes) model.on(names, react);
  showImage();
  showWords();
  showWordList();
  showSound();
  showNotice();
  return () => {
    for (const [names, react] of changes) model.off(names, react);
    cancelAnimationFrame(request);
    audio.pause();
    imageUrl(null);
    soundUrl(null);
  };
}

export default { render };
