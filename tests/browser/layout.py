"""Whether what a page shows can be read, measured in the browser: widths, overlaps, cut texts, contrast.

faults(locator)      # a line for each fault in what the locator finds; empty if there is none
"""

from __future__ import annotations

from playwright.sync_api import Locator

CONTRAST = 4.5  # of WCAG 2, for text
# Finds the texts of a part of the page with the rectangles of their lines, and judges them.
MEASURE = """(root, least) => {
    const found = []
    const say = (text, fault) => found.push(`'${text.trim().slice(0, 40)}' ${fault}`)
    const rgba = colour => {
        const parts = (colour.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
        const shares = colour.startsWith('color(') ? parts.map((v, i) => i < 3 ? 255 * v : v) : parts
        return [...shares, 1].slice(0, 4)
    }
    const over = (top, below) => below.map((v, i) => i < 3 ? v * (1 - top[3]) + top[i] * top[3] : 1)
    const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => sum + w * linear(c[i] / 255), 0.05)
    const ancestors = element => {
        const chain = []
        for (let box = element; box; box = box.parentElement) chain.unshift(box)
        return chain
    }
    // On a picture, and on another drawn thing below, a text is not judged: only on plain backgrounds.
    const contrast = element => {
        let ground = [255, 255, 255, 1], faint = 1
        for (const box of ancestors(element)) {
            const style = getComputedStyle(box)
            ground = over(rgba(style.backgroundColor), ground)
            faint *= Number(style.opacity)
        }
        const style = getComputedStyle(element)
        const svg = element instanceof SVGElement
        const own = rgba(svg ? style.fill : style.color)
        const ink = over([own[0], own[1], own[2], own[3] * faint], ground)
        const [more, less] = [light(ink), light(ground)].sort((a, b) => b - a)
        return more / less
    }
    const scrolls = (element, axis) => {
        for (let box = element; box && box !== root.parentElement; box = box.parentElement)
            if (['auto', 'scroll'].includes(getComputedStyle(box)['overflow' + axis])) return true
        return false
    }
    const covers = (a, b) => {
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
        return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
            && down > 0.35 * Math.min(a.height, b.height)  // the boxes of lines of text are higher than it
    }
    const shown = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })

    const edge = Math.min(root.getBoundingClientRect().right, document.documentElement.clientWidth)
    for (const element of root.querySelectorAll('*')) {
        if (!shown(element)) continue
        const box = element.getBoundingClientRect()
        if (box.width && box.right > edge + 1 && !scrolls(element.parentElement, 'X'))
            say(element.outerHTML.slice(0, 60), `is ${Math.round(box.right - edge)} pixels too far right`)
        const style = getComputedStyle(element)
        const hides = ['hidden', 'clip'].includes(style.overflowX) && element.textContent.trim()
        if (hides && !element.closest('select') && element.scrollWidth > element.clientWidth + 1)
            say(element.textContent, 'is cut')
    }
    const NOT_OURS = 'style, script, title, option, select, .omni-rerun, .jp-OutputPrompt'
    const texts = []
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement
        if (!walker.currentNode.textContent.trim() || !shown(element)) continue
        if (element.closest(NOT_OURS)) continue
        const range = document.createRange()
        range.selectNodeContents(walker.currentNode)
        const boxes = [...range.getClientRects()].filter(box => box.width > 1 && box.height > 1)
        if (!boxes.length) continue
        texts.push({ text: walker.currentNode.textContent, element, boxes })
        const painted = element.closest('.figure')  // the number in a filled cell of a trellis
        if (!painted && contrast(element) < least)
            say(walker.currentNode.textContent, `has a contrast of ${contrast(element).toFixed(1)}`)
    }
    for (const [number, one] of texts.entries())
        for (const other of texts.slice(0, number)) {
            if (scrolls(one.element, 'Y') !== scrolls(other.element, 'Y')) continue
            if (one.boxes.some(a => other.boxes.some(b => covers(a, b))))
                say(one.text, `lies over '${other.text.trim().slice(0, 40)}'`)
        }
    return found
}"""


def faults(part: Locator) -> list[str]:
    """What cannot be read in `part`, a line for each fault."""
    return list(part.evaluate(MEASURE, CONTRAST))
