/** Parts that pages of the app share. */
import { html, nothing } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { hrefOf } from "../route.js";
import { tool } from "./tool.js";

/** The head of a page. @param {string} title @param {string} [back] where the arrow leads */
export function paneHead(title, back = hrefOf("chats")) {
    return html`<header class="pane-head">
        ${tool("back", t("Back"), back)}
        <h1 tabindex="-1"><bdi>${title}</bdi></h1>
    </header>`;
}

/** One thing to know. @param {string} mark @param {unknown} words @param {unknown} [act] a button */
export const noteLine = (mark, words, act = nothing) =>
    html`<div class="note-line">${icon(mark)}<span>${words}</span>${act}</div>`;
