/** Drawing with the browser's own means: this page loads as little as it can. */

/** Outlines of @vector-im/compound-design-tokens 11.0.0, 24 units wide and high. */
const OUTLINES = {
    done:
        "m10.6 13.8-2.15-2.15a.95.95 0 0 0-.7-.275.95.95 0 0 0-.7.275.95.95 0 0 0-.275.7q0 .425.275.7" +
        "L9.9 15.9q.3.3.7.3t.7-.3l5.65-5.65a.95.95 0 0 0 .275-.7.95.95 0 0 0-.275-.7.95.95 0 0 0-.7" +
        "-.275.95.95 0 0 0-.7.275zM12 22a9.7 9.7 0 0 1-3.9-.788 10.1 10.1 0 0 1-3.175-2.137q-1.35-1.35" +
        "-2.137-3.175A9.7 9.7 0 0 1 2 12q0-2.075.788-3.9a10.1 10.1 0 0 1 2.137-3.175q1.35-1.35 3.175" +
        "-2.137A9.7 9.7 0 0 1 12 2q2.075 0 3.9.788a10.1 10.1 0 0 1 3.175 2.137q1.35 1.35 2.137 3.175A" +
        "9.7 9.7 0 0 1 22 12a9.7 9.7 0 0 1-.788 3.9 10.1 10.1 0 0 1-2.137 3.175q-1.35 1.35-3.175 2.137" +
        "A9.7 9.7 0 0 1 12 22",
    bad:
        "M12 17q.424 0 .713-.288A.97.97 0 0 0 13 16a.97.97 0 0 0-.287-.713A.97.97 0 0 0 12 15a.97.97 0" +
        " 0 0-.713.287A.97.97 0 0 0 11 16q0 .424.287.712.288.288.713.288m0-4q.424 0 .713-.287A.97.97 0" +
        " 0 0 13 12V8a.97.97 0 0 0-.287-.713A.97.97 0 0 0 12 7a.97.97 0 0 0-.713.287A.97.97 0 0 0 11 8" +
        "v4q0 .424.287.713.288.287.713.287m0 9a9.7 9.7 0 0 1-3.9-.788 10.1 10.1 0 0 1-3.175-2.137q-1.35" +
        "-1.35-2.137-3.175A9.7 9.7 0 0 1 2 12q0-2.075.788-3.9a10.1 10.1 0 0 1 2.137-3.175q1.35-1.35" +
        " 3.175-2.137A9.7 9.7 0 0 1 12 2q2.075 0 3.9.788a10.1 10.1 0 0 1 3.175 2.137q1.35 1.35 2.137" +
        " 3.175A9.7 9.7 0 0 1 22 12a9.7 9.7 0 0 1-.788 3.9 10.1 10.1 0 0 1-2.137 3.175q-1.35 1.35-3.175" +
        " 2.137A9.7 9.7 0 0 1 12 22",
};

/**
 * @param {string} name of an element
 * @param {Record<string, string | boolean | undefined>} attributes false, undefined: none
 * @param {(Node | string | undefined)[]} children texts stay texts, whatever is in them
 * @returns {HTMLElement}
 */
export function el(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
        if (value !== undefined && value !== false)
            element.setAttribute(key, value === true ? "" : value);
    element.append(...children.filter((one) => one !== undefined));
    return element;
}

/**
 * A value from elsewhere: its direction is its own, so it turns nothing around that stands beside it.
 * @param {string} text
 */
export function value(text) {
    return el("bdi", { dir: "auto" }, text);
}

/** @param {"done" | "bad"} name */
export function bigIcon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, given] of [
        ["viewBox", "0 0 24 24"],
        ["fill", "currentColor"],
        ["aria-hidden", "true"],
    ])
        svg.setAttribute(/** @type {string} */ (key), /** @type {string} */ (given));
    path.setAttribute("d", OUTLINES[name]);
    path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
    return el("p", { class: `big-icon ${name === "done" ? "good" : "bad"}` }, svg);
}

/**
 * @param {string} label
 * @param {"primary" | "secondary"} style
 * @param {(event: MouseEvent) => void} press
 */
export function button(label, style, press) {
    const made = /** @type {HTMLButtonElement} */ (
        el("button", { type: "button", class: `button ${style}` }, label)
    );
    made.addEventListener("click", press);
    return made;
}

/** @param {string} label @param {string} href @param {"primary" | "secondary"} style */
export function link(label, href, style) {
    return el("a", { class: `button ${style}`, href }, label);
}

/** @type {Armed | undefined} the buttons that are in sight */
let armed;

/** @param {(Node | undefined)[]} content replaces what the page shows */
export function show(...content) {
    armed?.stop();
    armed = undefined;
    const main = document.querySelector("main");
    main?.replaceChildren(el("div", { class: "alone" }, ...content));
    main?.querySelector("h1")?.focus();
}

/** @param {string} text @param {string} [className] */
export function heading(text, className) {
    document.title = `${text} · Veche`;
    return el("h1", { tabindex: "-1", class: className }, text);
}

/**
 * A press that was meant for what was here before is no decision: buttons work once they have been
 * in sight for a while, also after the window was behind others.
 */
class Armed {
    /** @param {HTMLButtonElement[]} buttons @param {number} wait_ms */
    constructor(buttons, wait_ms) {
        this.buttons = buttons;
        this.wait_ms = wait_ms;
        /** @type {ReturnType<typeof setTimeout> | undefined} */
        this.timer = undefined;
        this.isBusy = false;
        this.isShown = true;
        this.arm = () => this.#arm();
        document.addEventListener("visibilitychange", this.arm);
        window.addEventListener("focus", this.arm);
        this.#arm();
    }

    #arm() {
        clearTimeout(this.timer);
        this.#turn(true);
        if (!this.isShown || this.isBusy || document.visibilityState !== "visible") return;
        this.timer = setTimeout(() => this.#turn(false), this.wait_ms);
    }

    /** @param {boolean} isOff */
    #turn(isOff) {
        for (const one of this.buttons) one.disabled = isOff || this.isBusy;
    }

    /** @param {boolean} isBusy what was pressed is being done */
    busy(isBusy) {
        this.isBusy = isBusy;
        if (isBusy) this.#turn(true);
        else this.#arm();
    }

    /** Something else is shown. */
    stop() {
        this.isShown = false;
        clearTimeout(this.timer);
        document.removeEventListener("visibilitychange", this.arm);
        window.removeEventListener("focus", this.arm);
    }
}

/** @param {HTMLButtonElement[]} buttons of what is shown now @param {number} wait_ms */
export function arm(buttons, wait_ms) {
    armed?.stop();
    armed = new Armed(buttons, wait_ms);
    return armed;
}
