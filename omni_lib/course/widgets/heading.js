// The title of an explorer, and an accessible name for each slider below it: the labels of ipywidgets are
// only visible.

function nameSliders(explorer) {
  for (const slider of explorer.querySelectorAll(".widget-slider")) {
    const label = slider.querySelector(".widget-label")?.textContent ?? "";
    const handles = slider.querySelectorAll(".noUi-handle");
    handles.forEach((handle, index) => {
      handle.setAttribute("aria-label", handles.length > 1 ? `${label}, ${index ? "end" : "start"}` : label);
    });
  }
}

function render({ model, el }) {
  const title = document.createElement("b");
  title.textContent = model.get("title");
  el.append(title);
  let request = 0;
  const observer = new MutationObserver(() => nameSliders(el.closest(".omni-explorer") ?? el));
  const attach = () => {
    const explorer = el.closest(".omni-explorer");
    if (!explorer) {
      request = requestAnimationFrame(attach); // not on the page yet
      return;
    }
    // sliders appear later and may be recreated
    observer.observe(explorer, { childList: true, subtree: true });
    nameSliders(explorer);
  };
  attach();
  return () => { cancelAnimationFrame(request); observer.disconnect(); };
}

export default { render };
