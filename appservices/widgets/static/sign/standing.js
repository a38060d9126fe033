/**
 * How a document stands for whoever reads the page, if there is more to say than that they sign it.
 *
 * @typedef {import("./types.d.ts").View} View
 */
import { html, nothing } from "lit";
import { banner } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { isFromApp } from "../kit/page.js";
import { backToApp } from "../kit/shell.js";
import { isAskerAlone } from "./owning.js";
import { closed, over, signed } from "./parts.js";
import { isBlind } from "./signing.js";

/** @param {View} view */
export function standing(view) {
    const leaving = isFromApp() && !view.you.can_act;
    return html`${ending(view)} ${leaving ? html`<p class="actions">${backToApp()}</p>` : nothing}`;
}

/** @param {View} view */
function ending(view) {
    const { state, you } = view;
    if (isBlind(view) && view.final_sha256) return closed(view);
    if (isAskerAlone(view)) return state === "open" ? nothing : over(view);
    if (you.state === "signed") return signed(view);
    if (you.state === "declined")
        return banner("info", html`<p>${t("You have declined to sign. Everyone is told.")}</p>`);
    if (you.state === "delegated")
        return banner("info", html`<p>${t("Somebody else signs in your place.")}</p>`);
    if (state !== "open") return over(view);
    if (you.can_act) return nothing;
    return banner(
        "info",
        html`<p>${t("It is not your turn yet. You are told in your chat when it is.")}</p>`,
    );
}
