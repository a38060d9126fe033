/**
 * The question: all that will be signed, two buttons, and what became of a press.
 *
 * @typedef {import("./asked.js").Asked} Asked
 * @typedef {import("./keys.js").Signer} Signer
 */
import { ApiError, OfflineError } from "../kit/api.js";
import { PasskeyRefusedError } from "../kit/approval.js";
import { plural, showDateTime, t } from "../kit/i18n.js";
import { isFromApp, throughApp } from "../kit/page.js";
import { session } from "../kit/session.js";
import { sheetOf } from "./asked.js";
import { arm, button, el, heading, link, show, value } from "./draw.js";
import { approved, declined, over } from "./endings.js";
import { newKeyWords } from "./key_words.js";
import { OVER, clock, declineSignedIn, look, report, sign } from "./handing.js";

/** How long the page must have been in sight before a press counts. */
const LOOK_MS = 500;
/** From how much on the person is told that the clock of the device is wrong. */
const CLOCK_MS_MAX = 5 * 60_000;
const MINUTE_MS = 60_000;
/** Longer ones are read as text, and are not shouted. */
const HERO_CHARACTERS_MAX = 60;
const TIMER_MS_MAX = 2 ** 31 - 1;
const HELD_PAUSE_MS = 1000;
const HELD = "ORG.VECHE.KEY_HELD";

/**
 * @param {Asked} asked
 * @param {number | null} expires_at_ms
 * @param {Signer[]} signers those that can sign; if all are too new, they can only decline
 * @param {number} new_key_waits_ms how long a key that is made now would wait
 * @param {() => void} again draws the page anew
 */
export function question(asked, expires_at_ms, signers, new_key_waits_ms, again) {
    const { nonce, person, kind, shown } = asked;
    const sheet = sheetOf(asked);
    const status = el("div", { role: "alert", class: "status", tabindex: "-1" });
    const choice = signerChoice(signers);
    const { level = "low", person: signedIn } = session() ?? {};
    const canDeclineSignedIn = signedIn === person && level !== "low";

    /** @param {() => Promise<void>} act @param {() => void} end shows what came of it */
    async function press(act, end) {
        buttons.busy(true);
        status.replaceChildren();
        try {
            await act();
            // Something else may be asked here by now.
            if (buttons.isShown) end();
        } catch (error) {
            const words = await explained(error, nonce, () => buttons.isShown);
            if (!words || !buttons.isShown) return;
            buttons.busy(false);
            status.replaceChildren(refusal(words, error));
            status.focus(); // the button that had it was off meanwhile
        }
    }
    const yes = button(sheet.press, "primary", () =>
        press(
            async () => {
                await sign(choice.chosen(), { v: 1, kind, nonce, person, shown });
                report(nonce, "approved");
            },
            () => approved(sheet.done),
        ),
    );
    const no = button(t("Decline"), "secondary", () =>
        press(async () => {
            if (canDeclineSignedIn) await declineSignedIn(nonce);
            else await sign(choice.chosen(), { v: 1, kind: "decline", nonce, person });
            report(nonce, "declined");
        }, declined),
    );
    const hasKey = signers.length > 0;
    const held = signers.map((one) => one.held_until_ms).filter((one) => one !== null);
    const canApprove = signers.length > held.length;
    const pressed = [...(canApprove ? [yes] : []), ...(hasKey || canDeclineSignedIn ? [no] : [])];
    show(
        ...sheetParts(sheet),
        around(asked, expires_at_ms, signers.length === 1 ? signers[0] : undefined),
        hasKey ? choice.element : noKey(canDeclineSignedIn, new_key_waits_ms),
        hasKey && !canApprove ? tooNew(Math.min(...held)) : undefined,
        status,
        el("div", { class: "actions stacked" }, ...pressed),
    );
    const buttons = arm(pressed, LOOK_MS);
    endAt(expires_at_ms, nonce, buttons);
    if (hasKey && !canApprove) goOnAt(Math.min(...held), buttons, again);
}

/**
 * @param {number} at_ms when a key of this device may approve
 * @param {ReturnType<typeof arm>} buttons
 * @param {() => void} again
 */
function goOnAt(at_ms, buttons, again) {
    // The service decides: if it finds the key too new still, the page asks no faster than this.
    const left_ms = Math.max(HELD_PAUSE_MS, at_ms - clock.now());
    if (left_ms > TIMER_MS_MAX) return;
    setTimeout(() => buttons.isShown && !buttons.isBusy && again(), left_ms);
}

/** @param {import("./asked.js").Sheet} sheet */
function sheetParts(sheet) {
    return [
        clockNote(),
        heading(sheet.title, "eyebrow"),
        el(
            "p",
            { class: sheet.hero.length > HERO_CHARACTERS_MAX ? "hero long" : "hero" },
            value(sheet.hero),
        ),
        el("dl", { class: "facts sheet" }, ...sheet.facts.flatMap(fact)),
    ];
}

/**
 * Who is asked, until when, with which key: around the question, and not in it.
 * @param {Asked} asked
 * @param {number | null} expires_at_ms
 * @param {Signer | undefined} only the key, if there is no choice
 */
function around({ person }, expires_at_ms, only) {
    /** @type {[string, string][]} */
    const rows = [
        [t("You are"), person],
        ...(expires_at_ms === null
            ? []
            : [/** @type {[string, string]} */ ([t("Asked until"), showDateTime(expires_at_ms)])]),
        ...(only ? [/** @type {[string, string]} */ ([t("With the key"), only.label])] : []),
    ];
    return el(
        "dl",
        { class: "facts around" },
        ...rows.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, value(text))]),
    );
}

/** @param {import("./asked.js").Fact} fact */
function fact({ name, value: text, isCode }) {
    return [
        el("dt", {}, value(name)),
        el("dd", { class: isCode ? "code lines" : "lines" }, value(text)),
    ];
}

/**
 * @param {Signer[]} signers
 * @returns {{element: HTMLElement | undefined, chosen: () => Signer}}
 */
function signerChoice(signers) {
    const select = /** @type {HTMLSelectElement} */ (el("select", { id: "with-key" }));
    for (const one of signers) select.append(el("option", {}, one.label));
    const label = el("label", { for: "with-key" }, t("With the key"));
    const element = signers.length > 1 ? el("div", { class: "field" }, label, select) : undefined;
    return {
        element,
        chosen: () => /** @type {Signer} */ (signers[Math.max(0, select.selectedIndex)]),
    };
}

/** @param {number} until_ms when the first key of this device may approve this */
function tooNew(until_ms) {
    const words = t(
        "This key is new. It may approve this from {time} on. Leave this page open: the button comes by itself. You can decline now.",
        { time: showDateTime(until_ms) },
    );
    return el("div", { class: "banner", role: "status" }, el("p", {}, words));
}

/** @param {boolean} canDecline @param {number} waits_ms */
function noKey(canDecline, waits_ms) {
    const back = encodeURIComponent(location.pathname + location.search + location.hash);
    const keys = `/keys#return=${back}`;
    // The app has opened this tab, and signs the person in without a code.
    const way = isFromApp() && !session() ? throughApp(keys) : keys;
    return el(
        "div",
        { class: "banner" },
        el(
            "p",
            {},
            t(
                "This device has no key of yours yet. You make one once; it takes less than a minute.",
            ),
        ),
        waits_ms ? el("p", {}, newKeyWords(waits_ms)) : undefined,
        el("p", {}, link(t("Make a key for this device"), way, "primary")),
        canDecline ? undefined : el("p", {}, t("To say no, answer in your chat.")),
    );
}

function clockNote() {
    if (Math.abs(clock.ahead_ms) < CLOCK_MS_MAX) return undefined;
    const minutes = Math.round(Math.abs(clock.ahead_ms) / MINUTE_MS);
    const words =
        clock.ahead_ms > 0
            ? plural(
                  "The clock of this device is {count} minute slow. The approval carries the right time; please set the clock.",
                  "The clock of this device is {count} minutes slow. The approval carries the right time; please set the clock.",
                  minutes,
              )
            : plural(
                  "The clock of this device is {count} minute fast. The approval carries the right time; please set the clock.",
                  "The clock of this device is {count} minutes fast. The approval carries the right time; please set the clock.",
                  minutes,
              );
    return el("div", { class: "banner" }, el("p", {}, words));
}

/**
 * @param {number | null} at_ms
 * @param {string} nonce
 * @param {ReturnType<typeof arm>} buttons
 */
function endAt(at_ms, nonce, buttons) {
    const left_ms = at_ms === null ? Infinity : at_ms - clock.now();
    if (left_ms > TIMER_MS_MAX) return;
    const end = async () => {
        const { state } = await look(nonce).catch(() => ({ state: "open" }));
        if (state !== "open" && buttons.isShown && !buttons.isBusy)
            over(/** @type {import("./handing.js").State} */ (state));
    };
    setTimeout(() => void end(), Math.max(0, left_ms));
}

/** @param {string} words @param {unknown} error */
function refusal(words, error) {
    const isOfKey =
        error instanceof ApiError && /KEY_(UNKNOWN|REVOKED|HELD|COUNTER)$/.test(error.errcode);
    return el(
        "div",
        // That a key is new is no fault: one waits.
        { class: isOfKey && error.errcode === HELD ? "banner" : "banner critical" },
        el("p", {}, words),
        isOfKey ? el("p", {}, el("a", { href: "/keys" }, t("My keys"))) : undefined,
    );
}

/**
 * What to say of an error; empty if the page shows something else now.
 * @param {unknown} error
 * @param {string} nonce
 * @param {() => boolean} isShown whether the question is still there
 */
async function explained(error, nonce, isShown) {
    if (error instanceof PasskeyRefusedError)
        return t(
            "Your passkey was not used: you stopped it, or it is on another device. Nothing was approved.",
        );
    if (error instanceof OfflineError)
        return t(
            "The service can't be reached, so nothing is approved. Look at your connection, then press again.",
        );
    if (!(error instanceof ApiError))
        return t("Something went wrong. Nothing was approved. Reload the page and try again.");
    if (error.errcode === OVER) {
        const { state } = await look(nonce).catch(() => ({
            state: /** @type {const} */ ("closed"),
        }));
        if (isShown()) over(state === "open" ? "closed" : state);
        return "";
    }
    if (error.status === 503)
        return t("The service is busy. Nothing was approved yet: press again in a moment.");
    if (error.status >= 500)
        return t("Something went wrong on our side. Nothing was approved; press again.");
    return error.message;
}
