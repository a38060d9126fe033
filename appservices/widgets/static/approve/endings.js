/** What the page shows when there is nothing to press, or not any more. */
import { t } from "../kit/i18n.js";
import { appOrigin } from "../kit/page.js";
import { bigIcon, button, el, heading, show } from "./draw.js";

/** How long closing a tab may take. */
const CLOSING_MS = 300;

/** @param {string} title @param {string} text @param {(Node | undefined)[]} more */
export function tell(title, text, ...more) {
    show(bigIcon("bad"), heading(title), el("p", {}, text), ...more);
}

/** @param {string} text */
export function approved(text) {
    show(
        bigIcon("done"),
        heading(t("Approved")),
        el("p", {}, text),
        el("p", {}, t("You get the result in your chat.")),
        leave(),
    );
}

export function declined() {
    show(
        bigIcon("done"),
        heading(t("Declined")),
        el("p", {}, t("You said no. Nothing is done.")),
        leave(),
    );
}

/** @param {import("./handing.js").State} state */
export function over(state) {
    if (state === "approved") approved(t("This is approved already."));
    else if (state === "declined") declined();
    else if (state === "expired")
        tell(
            t("The time for this is over"),
            t("Nothing was approved. If you still want it, ask for it again in your chat."),
        );
    else
        tell(
            t("This is not asked any more"),
            t("Nothing was approved here: it was answered elsewhere, or taken back."),
        );
}

const close = () => window.close();

/** Away from here. */
function leave() {
    const back = () => {
        close();
        // Not every browser lets a page close itself.
        setTimeout(() => location.assign(appOrigin()), CLOSING_MS);
    };
    if (!window.opener && !appOrigin())
        return el("p", { class: "secondary-text" }, t("You can close this tab."));
    const way = window.opener
        ? button(t("Close"), "primary", close)
        : button(t("Back to Veche"), "primary", back);
    return el("p", { class: "actions stacked" }, way);
}
