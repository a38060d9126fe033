/** Small controls that show a picture alone. */
import { html } from "lit";
import { icon } from "../../kit/icons.js";

/**
 * @param {string} mark the picture
 * @param {string} label what it does
 * @param {string | (() => unknown)} leads an address, or what a press does; a form is sent by `type`
 * @param {{kind?: string, type?: "button" | "submit"}} [parts]
 */
export function tool(mark, label, leads, { kind = "tool", type = "button" } = {}) {
    const inside = html`${icon(mark)}<span class="hidden-text">${label}</span>`;
    return typeof leads === "string"
        ? html`<a class=${kind} href=${leads} title=${label}>${inside}</a>`
        : html`<button type=${type} class=${kind} title=${label} @click=${leads}>
              ${inside}
          </button>`;
}
