// The browser part of ClipRows: rows of one clip above each other, words to click, one player, one play head.

const STEP = 0.1; // seconds that an arrow key moves the play head
const MARGIN = 0.06; // seconds that are played before and after a clicked word

function element(parent, tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

// Where elements with a left and a right edge do not overlap: the number of a lane for each, from 0.
function lanes(boxes, gap) {
  const ends = [];
  return boxes.map(([left, right]) => {
    let lane = ends.findIndex((end) => end + gap <= left);
    if (lane < 0) lane = ends.length;
    ends[lane] = right;
    return lane;
  });
}

function render({ model, el }) {
  el.classList.add("omni-clip-rows");
  const audio = element(el, "audio", "sound");
  audio.preload = "auto";
  const bar = element(el, "div", "bar");
  const button = element(bar, "button", "play");
  button.type = "button";
  const clock = element(bar, "span", "clock");
  const hint = element(bar, "span", "hint");
  const problem = element(el, "div", "problem");
  problem.setAttribute("role", "status");
  const grid = element(el, "div", "grid");
  const head = element(grid, "div", "play-head");
  const caption = element(el, "div", "caption");
  let urls = [];
  let words = []; // {button, start, end}
  let marks = []; // {element, second}
  let until = null; // where a clicked word ends
  let request = 0;
  let band = null;

  const duration = () => model.get("duration");
  const percent = (second) => `${(100 * second) / duration()}%`;

  function url(bytes, type) {
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    urls.push(made);
    return made;
  }

  function place() {
    const second = audio.currentTime;
    head.style.setProperty("--share", Math.min(second / duration(), 1));
    head.setAttribute("aria-valuenow", second.toFixed(2));
    head.setAttribute("aria-valuetext", `${second.toFixed(1)} seconds`);
    clock.textContent = `${second.toFixed(1)} of ${duration().toFixed(1)} s`;
    const started = second > 0;
    const now = words.find((word) => started && word.start <= second && second < word.end);
    for (const word of words) word.button.classList.toggle("now", word === now);
    band.hidden = !now;
    if (now) {
      band.style.setProperty("--left", now.start / duration());
      band.style.setProperty("--width", (now.end - now.start) / duration());
    }
    for (const mark of marks) mark.element.classList.toggle("said", started && mark.second <= second);
  }

  function showButton() {
    const name = model.get("label");
    button.textContent = audio.paused ? "▶ play" : "❚❚ pause";
    button.setAttribute("aria-label", audio.paused ? `play ${name}` : `pause ${name}`);
  }

  function follow() {
    if (until !== null && audio.currentTime >= until) {
      until = null;
      audio.pause();
    }
    place();
    cancelAnimationFrame(request);
    if (!audio.paused) request = requestAnimationFrame(follow);
  }

  // A pause or another sound that comes before the sound has begun is no failure. Any other reason is shown.
  function play(from, to = null) {
    until = to;
    audio.currentTime = from;
    problem.textContent = "";
    audio.play().catch((error) => {
      if (error.name === "AbortError") return;
      problem.textContent = `The browser cannot play this sound. Run the cell again. (${error.message})`;
    });
  }

  function seek(second) {
    until = null;
    audio.currentTime = Math.min(Math.max(second, 0), duration());
    place();
  }

  function build() {
    for (const each of urls) URL.revokeObjectURL(each);
    urls = []; words = []; marks = [];
    until = null;
    problem.textContent = "";
    grid.replaceChildren();
    band = element(grid, "div", "band");
    audio.src = url(model.get("sound"), "audio/wav");
    for (const row of model.get("rows")) {
      const name = element(grid, "div", "name");
      element(name, "b", "", row.name);
      element(name, "span", "detail", row.detail);
      const cell = element(grid, "div", "cell");
      const picture = element(cell, "div", "picture");
      picture.style.height = `${row.height}px`;
      if (row.image.byteLength) {
        const image = element(picture, "img", row.smooth ? "" : "pixels");
        image.src = url(row.image, "image/png");
        image.alt = row.alt;
        image.draggable = false;
        if (row.end) image.style.width = percent(row.end);
      }
      const strips = element(name, "div", "strips");
      strips.style.height = row.strips.length ? `${row.height}px` : "0";
      for (const strip of row.strips) element(strips, "span", "strip", strip);
      picture.classList.toggle("striped", row.strips.length > 0);
      picture.style.setProperty("--strips", row.strips.length || 1);
      for (const mark of row.marks) {
        const made = element(picture, "span", "mark", mark.text);
        made.style.left = percent(mark.second);
        marks.push({ element: made, second: mark.second });
      }
      if (row.words) {
        cell.classList.add("with-words");
        model.get("words").forEach((word) => {
          const made = element(cell, "button", "word");
          made.type = "button";
          element(made, "span", "text", word.word);
          made.setAttribute("aria-label",
            `play the word ${word.word}, ${word.start.toFixed(2)} to ${word.end.toFixed(2)} seconds`);
          made.style.left = percent(word.start);
          made.style.width = percent(word.end - word.start);
          made.addEventListener("click", (event) => {
            event.stopPropagation();
            play(Math.max(0, word.start - MARGIN), Math.min(duration(), word.end + MARGIN));
          });
          words.push({ button: made, start: word.start, end: word.end });
        });
      }
      cell.addEventListener("click", (event) => {
        const box = cell.getBoundingClientRect();
        seek((duration() * (event.clientX - box.left)) / box.width);
      });
    }
    const corner = element(grid, "div", "name axis-name");
    element(corner, "span", "detail", "time (s)");
    const axis = element(grid, "div", "axis");
    const between = duration() > 4 ? 1 : 0.5;
    for (let tick = 0; tick <= duration() + 1e-6; tick += between) {
      element(axis, "span", "tick", tick.toFixed(between < 1 ? 1 : 0)).style.left = percent(tick);
    }
    head.setAttribute("role", "slider");
    head.tabIndex = 0;
    head.setAttribute("aria-label", "time of the play head, in seconds");
    head.setAttribute("aria-valuemin", "0");
    head.setAttribute("aria-valuemax", duration().toFixed(2));
    grid.append(head);
    caption.textContent = model.get("caption");
    const help = "Click a word to hear it. Once Tab has reached the play head, arrow keys move it.";
    hint.textContent = words.length ? help : "";
    showButton();
    place();
    arrange();
  }

  // Labels that would overlap get a lane of their own.
  function arrange() {
    for (const cell of grid.querySelectorAll(".with-words")) {
      const labels = [...cell.querySelectorAll(".word .text")];
      const width = cell.clientWidth;
      if (!width) continue;
      const boxes = labels.map((label) => {
        const parent = label.parentElement;
        const middle = parent.offsetLeft + parent.offsetWidth / 2;
        const half = label.offsetWidth / 2;
        const left = Math.min(Math.max(middle - half, 0), width - 2 * half); // within the row
        label.style.left = `${left - parent.offsetLeft}px`;
        return [left, left + 2 * half];
      });
      const found = lanes(boxes, 2);
      labels.forEach((label, index) => label.style.setProperty("--lane", found[index]));
      cell.style.setProperty("--lanes", Math.max(0, ...found) + 1);
    }
    for (const picture of grid.querySelectorAll(".picture:has(.mark)")) {
      const each = [...picture.querySelectorAll(".mark")];
      const found = lanes(each.map((mark) => [mark.offsetLeft, mark.offsetLeft + mark.offsetWidth]), 0);
      each.forEach((mark, index) => mark.style.setProperty("--lane", found[index]));
      picture.style.height = `${22 * (Math.max(0, ...found) + 1)}px`;
    }
  }

  button.addEventListener("click", () => {
    if (!audio.paused) { audio.pause(); return; }
    play(audio.ended || audio.currentTime >= duration() - 0.02 ? 0 : audio.currentTime);
  });
  head.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP };
    if (event.key in moves) seek(audio.currentTime + moves[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration());
    else if (event.key === " " || event.key === "Enter") button.click();
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would move to another cell
  });
  for (const name of ["play", "pause", "ended"]) {
    audio.addEventListener(name, () => { showButton(); follow(); });
  }
  audio.addEventListener("seeked", follow);
  audio.addEventListener("timeupdate", follow); // a page in the background draws no frames

  const observer = new ResizeObserver(arrange);
  observer.observe(grid);
  const changed = "change:rows change:words change:sound change:duration change:label change:caption";
  let waiting = 0; // several traits change together
  const rebuild = () => { clearTimeout(waiting); waiting = setTimeout(build, 0); };
  model.on(changed, rebuild);
  build();
  return () => {
    model.off(changed, rebuild);
    clearTimeout(waiting);
    observer.disconnect();
    cancelAnimationFrame(request);
    audio.pause();
    for (const each of urls) URL.revokeObjectURL(each);
  };
}

export default { render };
