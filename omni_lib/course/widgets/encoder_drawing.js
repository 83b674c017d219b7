// The browser part of EncoderDrawing: the boxes of the encoder from top to bottom, and beside them what is in
// the chosen one. The arrow keys go from box to box.

function element(parent, tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

const percent = share => `${(100 * share).toFixed(share < 0.01 ? 2 : 1)}%`;
const size = shape => shape.join(" × ");
const number = value => value.toLocaleString("en-US");

function render({ model, el }) {
  el.classList.add("omni-encoder-drawing");
  const bar = element(el, "div", "bar");
  const label = element(bar, "label", "", "clip");
  const select = element(label, "select", "");
  element(bar, "span", "key", "the library's");
  element(bar, "span", "key own", "✓ yours, once its exercise is right");
  const columns = element(el, "div", "columns");
  const flow = element(columns, "div", "flow");
  const detail = element(columns, "section", "detail");
  const caption = element(el, "div", "caption", model.get("caption"));
  flow.setAttribute("role", "group");
  flow.setAttribute("aria-label", "the parts of the encoder, in their order; arrow keys go from box to box");
  detail.setAttribute("aria-live", "polite");
  detail.setAttribute("aria-label", "the chosen part");

  function choose(key) {
    model.set("chosen", key);
    model.save_changes();
    draw();
  }

  // A box; `key` finds it again after the drawing was made anew.
  function box(parent, part) {
    const chosen = model.get("chosen");
    const made = element(parent, "button", part.own ? "part own" : "part");
    if (part.key && chosen.startsWith(`${part.key}.`)) made.classList.add("around");
    made.type = "button";
    made.dataset.key = part.key;
    made.setAttribute("aria-pressed", String(part.key === chosen));
    const line = element(made, "div", "first-line");
    element(line, "span", "title", part.own ? `${part.title} ✓ yours` : part.title);
    element(line, "span", "share", percent(part.share));
    const meter = element(element(made, "div", "meter"), "div", "");
    meter.style.setProperty("--part", part.share);
    made.addEventListener("click", () => choose(part.key));
    return made;
  }

  function data(shape, frame, most, name) {
    const row = element(flow, "div", "data");
    const frames = element(row, "div", "frames");
    frames.style.setProperty("--part", shape[0] / most);
    element(row, "span", "", `${name}${size(shape)}, every ${frame} ms`);
  }

  function drawFlow(parts) {
    const [whole, ...others] = parts;
    flow.replaceChildren();
    box(flow, whole);
    data(whole.given, 10, whole.given[0], "↓ log-mel ");
    const stages = others.filter(part => part.inside === "");
    stages.forEach((part, place) => {
      box(flow, part);
      const last = place === stages.length - 1;
      data(part.returned, part.frame, whole.given[0], last ? "↓ embeddings " : "↓ ");
    });
  }

  function drawDetail(parts) {
    const part = parts.find(each => each.key === model.get("chosen")) ?? parts[0];
    detail.replaceChildren();
    element(detail, "h3", "", `${part.title}: ${part.kind}`);
    element(detail, "p", "", `${size(part.given)} → ${size(part.returned)} (frames × numbers), `
      + `${number(part.parameters)} parameters`
      + (part.key ? `, ${percent(part.share)} of the encoder's.` : "."));
    if (part.exercises.length) {
      const signs = part.exercises.map(([name, right]) => `${right ? "✓" : "○"} ${name}`).join(", ");
      element(detail, "p", "exercises", `You build it in: ${signs}.`);
    }
    const inside = parts.filter(each => part.key && each.inside === part.key);
    const outer = parts.find(each => part.inside && each.key === part.inside);
    if (inside.length || outer) {
      const row = element(detail, "div", "inside");
      if (outer) element(row, "button", "back", `← ${outer.title}`).addEventListener("click", () => {
        choose(outer.key);
        flow.querySelector(`[data-key="${outer.key}"]`)?.focus();
      });
      inside.forEach(each => box(row, each));
    }
    const doc = element(detail, "div", "doc");
    part.doc.split("`").forEach((text, place) => element(doc, place % 2 ? "code" : "span", "", text));
    if (part.code) {
      const code = element(foldedIfOpen(part), "pre", "code", part.code);
      code.tabIndex = 0;
      code.setAttribute("role", "region");
      code.setAttribute("aria-label", `the code of ${part.kind}`);
    }
  }

  /** Where the code of a part goes: as long as its exercise asks for it, into a fold that says so. */
  function foldedIfOpen(part) {
    const open = part.exercises.filter(([, right]) => !right).map(([name]) => name);
    // not an exercise, or the learner's own
    if (!part.exercises.length || part.exercises[0][1]) return detail;
    const fold = element(detail, "details", "");
    element(fold, "summary", "", `Show the code, which answers ${open.join(", ")}`);
    return fold;
  }

  function draw() {
    const parts = model.get("parts");
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
    select.replaceChildren(...model.get("clips").map(name => new Option(name, name)));
    select.value = model.get("clip");
    drawFlow(parts);
    drawDetail(parts);
    if (focused !== undefined) el.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  function press(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const boxes = [...event.currentTarget.querySelectorAll(".part")];
    const place = boxes.indexOf(document.activeElement);
    if (place < 0) return;
    event.preventDefault();
    event.stopPropagation();
    boxes[Math.min(Math.max(place + step, 0), boxes.length - 1)].focus();
  }

  select.addEventListener("change", () => {
    model.set("clip", select.value);
    model.save_changes();
  });
  flow.addEventListener("keydown", press);
  model.on("change:parts change:chosen", draw);
  draw();
  return () => model.off("change:parts change:chosen", draw);
}

export default { render };
