/**
 * What stands around the pages of the document: what it is, who signs it, to what consent is asked.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Party} Party
 * @typedef {import("./types.d.ts").Clause} Clause
 */
import { html, nothing } from "lit";
import { plural, showDate, showDateTime, showNumber, showSize, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { hex } from "../verify/bytes.js";
import { ApiError } from "../kit/api.js";
import { fromBase64 } from "../kit/approval.js";
import { banner, field } from "../kit/elements.js";
import { verdictWords } from "../verify/signed_words.js";
import { privateHash, readPrivateLink } from "./link.js";
import { isAskerAlone } from "./owning.js";
import { NoKeyError, isBlind, levelOf } from "./signing.js";
import { newKeyWords } from "../approve/key_words.js";
import { effectWords, levelWords, roleWords } from "../approve/signing_words.js";
import { copyWords, explained, isGuest, overWords, partyStateWords, stepWords } from "./words.js";

const GROUP = /.{4}/g;

/** @param {View} view @returns {[string, unknown]} how the reader signs */
const kindRow = (view) => [t("Kind of signature"), levelWords(levelOf(view))];

/** @param {View} view */
export function facts(view) {
    const { document, you } = view;
    const pages = document.kind
        ? html`<bdi>${document.name ?? t("A file that is no PDF")}</bdi>`
        : plural("{count} page", "{count} pages", document.pages);
    const size = showSize(document.size);
    /** @type {[string, unknown][]} */
    const rows = [
        [t("Asked by"), html`<bdi>${calledIn(view, view.requester, view.requester)}</bdi>`],
        [t("You are"), isAskerAlone(view) ? t("who asks for the signatures") : roleWords(you.role)],
        [t("Document"), html`${pages}, ${size}`],
        ...(isAskerAlone(view) ? [] : [kindRow(view)]),
        [t("It counts"), effectWords(view.effect)],
        [t("Until"), showDateTime(view.deadline_at_ms)],
    ];
    return html`<dl class="facts card">
        ${rows.map(
            ([name, value]) =>
                html`<dt>${name}</dt>
                    <dd>${value}</dd>`,
        )}
    </dl>`;
}

/**
 * A name with an at sign would pass for the account of somebody else.
 * @param {View} view
 * @param {string} account
 * @param {string} otherwise
 * @returns {string} how who asks calls somebody, with the account, which alone is signed
 */
function calledIn({ called }, account, otherwise) {
    const name = called?.[account];
    return name && !name.normalize("NFKC").includes("@") ? `${name} (${account})` : otherwise;
}

/** @param {View} view which of the two ways this is: everyone who signs is told */
export function mode(view) {
    if (!isBlind(view)) return nothing;
    return html`<p class="with-mark secondary-text private-note">
        ${icon("lock")}<span
            >${t("Private: only those who have this link can read the document. The service that passes it on cannot.")}</span
        >
    </p>`;
}

/** @param {string} href where one signs in, and comes back from */
export function signingIn(href) {
    return html`<h1 tabindex="-1">${t("Somebody asks you to sign a document")}</h1>
        <p>
            ${t("Say who you are first: sign in from your encrypted chat, and this page opens the document.")}
        </p>
        <p class="actions"><a class="button primary" href=${href}>${t("Sign in")}</a></p>`;
}

/**
 * @param {View} view of a document whose key the service has not
 * @param {import("./link.js").Link | undefined} link
 */
export function pasting(view, link) {
    const pasted = (/** @type {Event} */ { target }) => {
        const input = /** @type {HTMLInputElement} */ (target);
        const found = readPrivateLink(input.value.slice(input.value.indexOf("#")));
        const isIt = found?.key && found.session === view.session;
        input.setCustomValidity(isIt ? "" : t("This is not the link of this document."));
        input.reportValidity();
        if (!isIt || !link) return;
        const { session: s, party: p, token: own } = link;
        location.hash = `s=${s}&p=${p}&t=${own}&${privateHash(found).replace(/^s=[^&]*&/, "")}`;
    };
    return html`<h1 tabindex="-1">${t("The document is private")}</h1>
        <p>
            ${t("Only {person} has its key, and sends you a link with it. Open that link, or paste it here.", { person: view.requester })}
        </p>
        ${field({
            id: "private-link",
            label: t("Link of who asks you"),
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    @change=${pasted}
                />`,
        })}`;
}

/** @param {boolean} isCut whether there is a link, without its end */
export function noLink(isCut) {
    return html`<h1 tabindex="-1">${t("Open the link from your chat")}</h1>
        <p>
            ${
                isCut
                    ? t("This link was cut off: the key of the document is missing at its end.")
                    : t(
                          "This page shows a document to be signed, and needs the link that the bot sent you.",
                      )
            }
        </p>
        <p>
            ${t("Open the link in your chat once more, or write “help” to the bot. Nobody else can open the document.")}
        </p>`;
}

/** @param {View} view that the pages of its parties have closed */
export function closed({ state, deletes_at_ms }) {
    const words =
        state === "completed" || state === "sealing"
            ? t("Everyone who is needed has signed, and the document is closed.")
            : overWords(state);
    return banner(
        "success",
        html`<p>${words}</p>
            <p>
                ${t("This page has checked every signature in it. Save the file and keep it: only those with the link can open it; the service cannot read it.")}
            </p>
            ${
                deletes_at_ms
                    ? html`<p>
                          ${t("The service deletes what it keeps of it on {date}. Afterwards this link opens nothing.", { date: showDate(deletes_at_ms) })}
                      </p>`
                    : nothing
            }`,
    );
}

/** @param {View} view of who has signed */
export function signed(view) {
    const { state } = view;
    const isGood = state === "open" || state === "sealing" || state === "completed";
    return banner(
        isGood ? "success" : "info",
        html`<p>${t("You have signed this document.")}</p>
            ${state === "open" ? nothing : html`<p>${overWords(state)}</p>`}
            ${state === "open" || (isGood && isGuest(view)) ? html`<p>${copyWords(view)}</p>` : nothing}
            ${kept(view)}`,
    );
}

/** @param {View} view in which nothing is signed any more */
export function over(view) {
    return banner(
        "info",
        html`<p>${overWords(view.state)}</p>
            ${kept(view)}`,
    );
}

/** @param {View} view until when a closed document is here, that the service reads */
function kept({ deletes_at_ms }) {
    if (!deletes_at_ms) return nothing;
    return html`<p>
        ${t("The service deletes the document on {date}. Save it before, and keep it.", { date: showDate(deletes_at_ms) })}
    </p>`;
}

/** @param {View} view what two people can compare */
export function code(view) {
    const { code: digits, document, parties: all, you } = view;
    const seenBy = all.find(({ party: id }) => id === you.party)?.identified_by;
    const groups = hex(fromBase64(document.sha256)).match(GROUP)?.join(" ");
    return html`<div class="document-code card">
        <p class="code-digits">
            <span aria-hidden="true">${digits}</span
            ><span class="hidden-text">${t("Code {code}", { code: [...digits].join(" ") })}</span>
        </p>
        <div>
            <p>
                ${
                    isAskerAlone(view)
                        ? t("The code of this document. The signers see the same one.")
                        : seenBy
                          ? t(
                                "The code of this document. {name} must see the same; else don't sign.",
                                {
                                    name: seenBy,
                                },
                            )
                          : t(
                                "The code of this document. In the message in your chat it must be the same; else don't sign.",
                            )
                }
            </p>
            <details>
                <summary>${t("The whole fingerprint")}</summary>
                <p class="small"><code>SHA-256 ${groups}</code></p>
                <p class="small help">
                    ${t("This is of the document before anybody signs it. The signed file has another one, as each signature is added to it.")}
                </p>
            </details>
        </div>
    </div>`;
}

/** @param {View} view */
export function parties(view) {
    const known = new Map(view.parties.map((one) => [one.party, one]));
    const staged = new Set(view.stages.flatMap((one) => one.parties));
    const others = view.parties.filter(({ party }) => !staged.has(party));
    return html`<h2>${t("Who signs")}</h2>
        <ol class="stages">
            ${view.stages.map((stage, at) => {
                const members = stage.parties.flatMap((id) => known.get(id) ?? []);
                const { need } = stage;
                const isChoice = need != null && need < members.length;
                return html`<li>
                    ${
                        view.stages.length > 1 || isChoice
                            ? html`<p class="secondary-text small">
                                  ${stageWords(at, view.stages.length, isChoice ? need : null)}
                              </p>`
                            : nothing
                    }
                    <ul class="plain-list">
                        ${members.map((one) => party(one, view))}
                    </ul>
                </li>`;
            })}
        </ol>
        ${
            others.length > 0
                ? html`<ul class="plain-list">
                      ${others.map((one) => party(one, view))}
                  </ul>`
                : nothing
        }`;
}

/** @param {number} at @param {number} count @param {number | null | undefined} need */
function stageWords(at, count, need) {
    const step = t("Step {step} of {count}", { step: at + 1, count });
    const enough = need
        ? plural("{count} signature is enough", "{count} signatures are enough", need)
        : "";
    return [count > 1 ? step : "", enough].filter(Boolean).join(", ");
}

/** @param {Party} one @param {View} view */
function party(one, view) {
    const isGood = one.state === "signed";
    const isBad = one.state === "declined" || one.state === "lapsed";
    const mark = isGood ? "done" : isBad ? "error" : "circle";
    const acting = view.parties.find(({ party: id }) => id === one.acts_for);
    const watched = view.parties.find(({ party: id }) => id === one.witness_of);
    return html`<li class="party with-mark ${isGood ? "good" : isBad ? "bad" : "open"}">
        ${icon(mark)}
        <div>
            <p>
                <bdi>${calledIn(view, one.user, one.name)}</bdi
                >${one.party === view.you.party ? html` (${t("you")})` : nothing}
            </p>
            <p class="secondary-text small">
                ${roleWords(one.role)}${acting ? html`, ${t("for {name}", { name: acting.name })}` : nothing}${
                    watched ? html`, ${t("of {name}", { name: watched.name })}` : nothing
                }${one.role === "viewer" ? nothing : html`: ${stateWords(one)}`}
            </p>
            ${one.role === "viewer" ? nothing : html`${certificateWords(one)}`}
        </div>
    </li>`;
}

/** @param {Party} one by which certificate they sign, or have signed, if it is one of their own */
function certificateWords({ certificate, level_min, state }) {
    if (certificate) {
        const { name, issuer } = certificate;
        const words = t("certificate of {name}, issued by {issuer}", { name, issuer });
        return html`<p class="secondary-text small">${words}</p>`;
    }
    if (state === "signed" || (level_min !== "S3" && level_min !== "S4")) return nothing;
    const words =
        level_min === "S4"
            ? t("signs with a qualified certificate of their own")
            : t("signs with a certificate of their own");
    return html`<p class="secondary-text small">${words}</p>`;
}

/** @param {Party} one */
function stateWords({ state, role, at_ms, identified_by, by_hand, witnessed_by }) {
    if (by_hand) {
        const how = witnessed_by
            ? t("signed by hand, without a key; witness: {name}", { name: witnessed_by })
            : `${t("signs by hand")}, ${partyStateWords(state, role)}`;
        return html`${how}${at_ms ? html`, ${showDateTime(at_ms)}` : nothing}`;
    }
    const seen = identified_by
        ? html`${t("identified in person by {registrar}", { registrar: identified_by })}, `
        : nothing;
    return html`${seen}${partyStateWords(state, role)}${at_ms ? html`, ${showDateTime(at_ms)}` : nothing}`;
}

/**
 * @param {Clause[]} clauses
 * @param {Map<string, boolean>} answers by id
 * @param {(id: string, isAccepted: boolean) => void} answer
 */
export function consent(clauses, answers, answer) {
    if (clauses.length === 0) return nothing;
    return html`<h2>${t("What you agree to")}</h2>
        <ul class="clauses">
            ${clauses.map((one) => html`<li class="card">${clause(one, answers, answer)}</li>`)}
        </ul>`;
}

/**
 * @param {Clause} one
 * @param {Map<string, boolean>} answers
 * @param {(id: string, isAccepted: boolean) => void} answer
 */
function clause({ id, title, kind, page, field }, answers, answer) {
    const where = t("on page {page}", { page: showNumber(page) });
    const head = html`<bdi>${title}</bdi> <span class="secondary-text small">${where}</span>`;
    if (kind === "required")
        return html`<p>${head}</p>
            <p class="secondary-text small">${t("You agree to it by signing.")}</p>`;
    if (kind === "unfair")
        return html`<label class="tick">
            <input
                type="checkbox"
                .checked=${answers.get(id) === true}
                @change=${(/** @type {Event} */ { target }) =>
                    answer(id, /** @type {HTMLInputElement} */ (target).checked)}
            />
            <span
                >${
                    field
                        ? t("I agree to this clause in particular, and sign it by itself:")
                        : t("I agree to this clause in particular:")
                }
                ${head}</span
            >
        </label>`;
    return html`<fieldset class="clause-choice">
        <legend>${head}</legend>
        ${[true, false].map(
            (isYes) =>
                html`<label class="tick">
                    <input
                        type="radio"
                        name="clause-${id}"
                        .checked=${answers.get(id) === isYes}
                        @change=${() => answer(id, isYes)}
                    />
                    <span>${isYes ? t("I agree") : t("I don't agree; I sign the rest")}</span>
                </label>`,
        )}
    </fieldset>`;
}

/** @param {import("./paper.js").Paper | undefined} paper what others had signed before it was sent */
export function signedBefore(paper) {
    const before = paper?.before;
    if (!before) return nothing;
    const { signers, verdict } = before;
    return banner(
        verdict === "sealed" ? "success" : "info",
        html`<p>${t("Others had signed this document before it was sent to you:")}</p>
            <ul class="plain-list">
                ${signers.map(
                    ({ name, isProven, atMs }) =>
                        html`<li>
                            <bdi>${name}</bdi>,
                            ${isProven ? t("proven") : t("not proven who that is")}${atMs === undefined ? nothing : html`, ${showDateTime(atMs)}`}
                        </li>`,
                )}
            </ul>
            <p>${verdictWords(verdict)}</p>
            <p>
                ${t("Your signature is added to it; nothing in it is changed, and no page shows it.")}
            </p>`,
    );
}

/** @param {unknown} error why the last press did nothing; undefined: it did not fail */
export function problem(error) {
    if (error === undefined) return nothing;
    // That a key is new is no fault: one waits.
    const isHeld = error instanceof ApiError && error.errcode === "ORG.VECHE.KEY_HELD";
    if (!(error instanceof NoKeyError))
        return banner(isHeld ? "info" : "critical", html`<p>${explained(error)}</p>`);
    const back = encodeURIComponent(location.pathname + location.search + location.hash);
    return banner(
        "info",
        html`<p>
                ${t("This device has no key of yours yet. You make one once; it takes less than a minute.")}
            </p>
            <p>
                ${error.waits_ms ? newKeyWords(error.waits_ms) : nothing}
                ${t("Your place in the document is kept in this tab.")}
            </p>
            <p>
                <a class="button primary" href="/keys#return=${back}"
                    >${t("Make a key for this device")}</a
                >
            </p>`,
    );
}

/** @param {import("./signing.js").Step[]} steps so far @param {boolean} isGoingOn */
export function progress(steps, isGoingOn) {
    const last = steps.length - 1;
    return html`<div role="status">
        <ol class="steps">
            ${steps.map(
                (step, at) =>
                    html`<li class="with-mark ${at < last || !isGoingOn ? "good" : "open"}">
                        ${icon(at < last ? "done" : "circle")}<span>${stepWords(step)}</span>
                    </li>`,
            )}
        </ol>
    </div>`;
}
