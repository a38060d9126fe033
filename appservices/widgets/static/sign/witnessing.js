/**
 * What a witness has to see before they sign that somebody wrote by hand: who, what, and that the
 * record of it, whose digest their key signs, says just that of this very document.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Written} Written
 */
import { html, nothing } from "lit";
import { papersWords } from "../approve/signing_words.js";
import { canonicalBytes } from "../kit/canonical.js";
import { banner } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { digest } from "./paper.js";
import { drawn } from "./pen.js";

/** @param {View} view @returns what is shown of it in an approval; nothing of who is no such witness */
export function handOf({ you: { written } }) {
    if (!written) return {};
    const { record, sha256 } = written;
    const { party, name, papers, drawing_sha256: drawing } = record;
    return { hand: { party, name, papers, drawing, record: sha256 } };
}

/**
 * @param {View} view
 * @returns {Promise<boolean>} whether what was written is of this document, and is what is shown
 */
export async function isOfThis(view) {
    const { written, sees } = view.you;
    if (!written) return !sees;
    const { record, drawing, sha256 } = written;
    const writer = view.parties.find(({ party }) => party === sees);
    const you = view.parties.find(({ party }) => party === view.you.party);
    const expected = {
        ...{ v: 1, what: "org.veche.hand", agreed: true, read: "all_pages" },
        ...{ session: view.session, party: sees, name: writer?.name, title: view.title },
        ...{ document_sha256: view.document.sha256, code: view.code, effect: view.effect },
        ...{ parties_sha256: view.parties_sha256, witness: you?.user },
        clauses: record.clauses.map(({ id, title, accepted }) => ({ id, title, accepted })),
        drawing_sha256: await digest(canonicalBytes({ strokes: drawing.strokes })),
        ...{ written_at_ms: record.written_at_ms, papers: record.papers },
    };
    return (await digest(canonicalBytes(expected))) === sha256;
}

/** @param {View} view */
export function witnessing(view) {
    const { written } = view.you;
    if (!written) return nothing;
    const { record, drawing, code, until_ms } = written;
    const { name } = record;
    return html`<h2>${t("What you have seen")}</h2>
        <div class="card witnessed">
            <p>
                ${t("{name} ({papers}) agreed to this document on the tablet with the digits {code} and wrote:", { name, papers: papersWords(record.papers), code })}
            </p>
            ${drawn(drawing.strokes, t("What {name} wrote by hand", { name }))}
            <p class="secondary-text small">${showDateTime(record.written_at_ms)}</p>
            ${
                record.clauses.length > 0
                    ? html`<ul>
                          ${record.clauses.map(
                              (one) =>
                                  html`<li>
                                      <bdi>${one.title}</bdi>:
                                      ${one.accepted ? t("agreed") : t("not agreed")}
                                  </li>`,
                          )}
                      </ul>`
                    : nothing
            }
        </div>
        ${banner(
            "info",
            html`<p>
                    ${t("By signing you say: I saw {name} write this and agree to it, and I have seen their identity document. {name} has no key and no certificate; the signature in the file is yours, as the witness. If that is not so, refuse: then nothing counts.", { name })}
                </p>
                <p>${t("There is time until {moment}.", { moment: showDateTime(until_ms) })}</p>`,
        )}`;
}
