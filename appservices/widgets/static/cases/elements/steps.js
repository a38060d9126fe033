/**
 * The steps of a service: what is done, what is now, what comes.
 *
 * @typedef {{kind: string, text: string}} Step
 * @typedef {"done" | "now" | "next"} Stand
 */
import { html } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";

/** The step that a case waits at, by its state. @type {Record<string, string>} */
const WAITS_AT = { paying: "pay", signing: "sign" };
const DECIDED = new Set(["decided_yes", "decided_no", "served", "closed"]);

/**
 * @param {Step[]} steps as the catalogue lists them
 * @param {{state: string, submitted_at_ms?: number | null, documents?: unknown[]}} theCase
 * @returns {{step: Step, stand: Stand}[]}
 */
export function standing(steps, theCase) {
    const isSubmitted = Boolean(theCase.submitted_at_ms) || theCase.state !== "draft";
    const isDecided = DECIDED.has(theCase.state);
    const isServed = Boolean(theCase.documents?.length) || theCase.state === "served";
    const waitsAt = steps.findIndex(({ kind }) => kind === WAITS_AT[theCase.state]);
    let isNowGiven = false;
    return steps.map((step, at) => {
        const isDone =
            waitsAt >= 0
                ? at < waitsAt
                : step.kind === "form" || step.kind === "pay"
                  ? isSubmitted
                  : ["document", "message", "sign"].includes(step.kind)
                    ? isServed
                    : isDecided;
        if (isDone && !isNowGiven) return { step, stand: "done" };
        /** @type {Stand} */
        const stand = isNowGiven ? "next" : "now";
        isNowGiven = true;
        return { step, stand };
    });
}

/** @param {Stand} stand */
function stepIcon(stand) {
    return icon({ done: "done", now: "waiting", next: "circle" }[stand] ?? "circle");
}

/** @param {Stand} stand */
function standWords(stand) {
    if (stand === "done") return t("Done:");
    return stand === "now" ? t("Now:") : t("Then:");
}

/** @param {{step: Step, stand: Stand}[]} steps */
export function stepList(steps) {
    return html`<ol class="steps">
        ${steps.map(
            ({ step, stand }) =>
                html`<li class=${stand} aria-current=${stand === "now" ? "step" : "false"}>
                    ${stepIcon(stand)}
                    <span><span class="hidden-text">${standWords(stand)} </span>${step.text}</span>
                </li>`,
        )}
    </ol>`;
}
