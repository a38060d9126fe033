/** Parts that the pages beside the list of chats share. */
import { html } from "lit";
import { t } from "../../kit/i18n.js";
import { hrefOf } from "../route.js";
import { tool } from "./tool.js";

/** The head of a page. @param {string} title @param {string} [back] where the arrow leads */
export function paneHead(title, back = hrefOf("chats")) {
    return html`<header class="pane-head">
        ${tool("back", t("Back"), back)}
        <h1 tabindex="-1"><bdi>${title}</bdi></h1>
    </header>`;
}
