/**
 * A file that is no PDF: what it is, what can be shown of it, and how to look at the rest with a
 * program of one's own without being shown another file. Tells `veche-page-seen` once a part of it
 * has been on the screen, `veche-pages-failed` if it cannot be shown, `veche-compared` once a saved
 * copy was compared.
 *
 * @typedef {import("../asic/growing.js").DataFile} DataFile
 */
import { html, nothing } from "lit";
import { VecheElement, banner, button } from "../kit/elements.js";
import { plural, showNumber, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { save } from "../kit/save.js";
import { hex, isSame, sha256 } from "../verify/bytes.js";
import { shapeOf, textParts } from "./legible.js";

/** How much of the box's height a tall part must fill to count as seen, or of the part itself. */
const SEEN = 0.5;
const THRESHOLDS = Array.from({ length: 21 }, (_, at) => at / 20);
const GROUP = /.{4}/g;
/** A picture, and its end: one that is taller than the box is not seen by its beginning. */
const PICTURE_PARTS = 2;
const COMPARED = "compared-file";

export class VecheAnyFile extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        file: { attribute: false },
        label: { attribute: false },
        known: { attribute: false },
        /** Whether whoever looks at it has chosen it from their own device. */
        isChosen: { attribute: false },
        digest: { state: true },
        picture: { state: true },
        parts: { state: true },
        isFailed: { state: true },
        compared: { state: true },
    });

    constructor() {
        super();
        /** @type {DataFile | undefined} */
        this.file = undefined;
        this.label = "";
        this.isChosen = false;
        /** SHA-256, hexadecimal. */
        this.digest = "";
        /** Address of the picture within this page; empty: it is none. */
        this.picture = "";
        /** @type {import("./legible.js").Piece[][]} of a text */
        this.parts = [];
        this.isFailed = false;
        /** @type {"" | "same" | "other"} */
        this.compared = "";
        /** @type {IntersectionObserver | undefined} */
        this._observer = undefined;
        /** @type {string[]} parts that were on the screen before */
        this.known = [];
        /** @type {Set<string>} */
        this._seen = new Set();
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (changed.has("file")) this._open();
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        if (changed.has("parts")) this._watch();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._observer?.disconnect();
        URL.revokeObjectURL(this.picture);
    }

    _open() {
        URL.revokeObjectURL(this.picture);
        this._seen = new Set(this.known);
        Object.assign(this, { picture: "", parts: [], isFailed: false, compared: "", digest: "" });
        const { file } = this;
        if (!file) return;
        void sha256(file.data).then((digest) => {
            if (file === this.file) this.digest = hex(digest);
        });
        const shape = shapeOf(file);
        if (shape === "picture")
            this.picture = URL.createObjectURL(new Blob([file.data], { type: file.kind }));
        const parts = shape === "text" ? textParts(file.data) : [];
        if (!parts) this._fail();
        else {
            this.parts = parts;
            if (this._seen.size) this._tell();
        }
    }

    _fail() {
        this.isFailed = true;
        this.dispatchEvent(new CustomEvent("veche-pages-failed", { bubbles: true }));
    }

    /** Notes which parts are on the screen; a picture is one, once it is drawn. */
    _watch() {
        this._observer?.disconnect();
        const root = this.querySelector(".pages");
        const seen = (/** @type {IntersectionObserverEntry[]} */ entries) => {
            for (const one of entries) this._look(one);
        };
        this._observer = new IntersectionObserver(seen, { root, threshold: THRESHOLDS });
        for (const one of this.querySelectorAll("[data-part]")) this._observer.observe(one);
    }

    /** @param {IntersectionObserverEntry} entry */
    _look({ target, isIntersecting, intersectionRatio, intersectionRect, rootBounds }) {
        const part = /** @type {HTMLElement} */ (target).dataset.part ?? "";
        const room = rootBounds?.height ?? Infinity;
        const isSeen = intersectionRatio >= SEEN || intersectionRect.height >= SEEN * room;
        if (!isIntersecting || !isSeen || this._seen.has(part)) return;
        this._seen.add(part);
        this._tell();
    }

    _tell() {
        const count = this.parts.length || PICTURE_PARTS;
        const parts = [...this._seen].slice(0, count);
        const detail = { seen: parts.length, count, parts };
        this.dispatchEvent(new CustomEvent("veche-page-seen", { detail, bubbles: true }));
    }

    /** @param {DataFile} file */
    _save({ data, name }) {
        // Of no kind that a browser would open instead.
        save(new Blob([data], { type: "application/octet-stream" }), name);
    }

    /** @param {Event} event */
    async _compare({ target }) {
        const [chosen] = /** @type {HTMLInputElement} */ (target).files ?? [];
        const { file } = this;
        if (!chosen || !file) return;
        const isEqual =
            chosen.size === file.data.length &&
            isSame(
                await sha256(new Uint8Array(await chosen.arrayBuffer())),
                await sha256(file.data),
            );
        this.compared = isEqual ? "same" : "other";
        const detail = { isSame: isEqual };
        this.dispatchEvent(new CustomEvent("veche-compared", { detail, bubbles: true }));
    }

    /** @param {DataFile} file */
    _facts({ name, kind, data }) {
        const { length } = data;
        const groups = this.digest.match(GROUP)?.join(" ") ?? "";
        /** @type {[string, unknown][]} */
        const rows = [
            [t("File name"), html`<bdi>${name}</bdi>`],
            [t("Type of file"), html`<code>${kind}</code>`],
            [
                t("Size"),
                plural("{count} byte", "{count} bytes", length, { count: showNumber(length) }),
            ],
            [t("Fingerprint"), html`<code>SHA-256 ${groups}</code>`],
        ];
        return html`<dl class="facts card">
            ${rows.map(
                ([term, value]) =>
                    html`<dt>${term}</dt>
                        <dd>${value}</dd>`,
            )}
        </dl>`;
    }

    _shown() {
        if (this.isFailed)
            return banner(
                "critical",
                html`<p>
                    ${
                        this.isChosen
                            ? t(
                                  "This file can't be shown here: it may be broken. Look at it with a program of your own before you send it.",
                              )
                            : t(
                                  "This file can't be shown here. Save it, and look at it with a program of your own.",
                              )
                    }
                </p>`,
            );
        if (this.picture)
            return html`<div class="pages" tabindex="0" role="region" aria-label=${this.label}>
                <img
                    class="file-picture"
                    src=${this.picture}
                    alt=${t("The picture to be signed; look at it with a program of your own if you cannot see it here.")}
                    @load=${(/** @type {Event} */ { target }) => {
                        /** @type {HTMLElement} */ (target).dataset.part = "1";
                        this._watch();
                    }}
                    @error=${() => this._fail()}
                />
                <p class="page-number secondary-text small" data-part="2">
                    ${t("The end of the picture")}
                </p>
            </div>`;
        if (this.parts.length > 0) return this._text();
        return banner(
            "info",
            html`<p>
                    ${
                        this.isChosen
                            ? t(
                                  "This page can't show a file of this kind. Look at it with a program of your own before you send it.",
                              )
                            : t(
                                  "This page can't show a file of this kind. Save it, or open it from your chat, and look at it with a program of your own.",
                              )
                    }
                </p>
                <p>
                    ${t("Your signature covers the file, byte for byte. A program may show it differently elsewhere: if it has macros, links or fields that change by themselves, ask for a PDF.")}
                </p>`,
        );
    }

    _text() {
        const hasHidden = this.parts.some((one) => one.some(({ isHidden }) => isHidden));
        return html`${
                hasHidden
                    ? banner(
                          "info",
                          html`<p>
                              ${t("There are characters in this text that nobody sees. They are shown by their numbers, such as U+202E.")}
                          </p>`,
                      )
                    : nothing
            }
            <div class="pages" tabindex="0" role="region" aria-label=${this.label}>
                ${this.parts.map(
                    (one, at) =>
                        html`<pre class="file-text" dir="auto" data-part=${at + 1}>
${one.map((piece) =>
                                piece.isHidden
                                    ? html`<mark class="unseen">${piece.text}</mark>`
                                    : piece.text,
                            )}</pre>`,
                )}
            </div>`;
    }

    /** @param {DataFile} file */
    _own(file) {
        return html`<div class="actions">
                ${button({
                    label: html`${icon("download")}<span>${t("Save this file")}</span>`,
                    style: "secondary",
                    press: () => this._save(file),
                })}
            </div>
            <p class="compare">
                <label for=${COMPARED}
                    >${t("Have you looked at a copy, from your chat or saved before? Choose it here, and this page says whether it is the very file that you sign. It stays on your device.")}</label
                >
                <input
                    id=${COMPARED}
                    type="file"
                    @change=${(/** @type {Event} */ event) => void this._compare(event)}
                />
            </p>
            <div role="status">
                ${
                    this.compared === "same"
                        ? banner("success", html`<p>${t("It is the very file that you sign.")}</p>`)
                        : nothing
                }
                ${
                    this.compared === "other"
                        ? banner(
                              "critical",
                              html`<p>
                                  ${t("That is another file. Don't sign this one before you have looked at it: save it from here.")}
                              </p>`,
                          )
                        : nothing
                }
            </div>`;
    }

    render() {
        const { file } = this;
        if (!file) return nothing;
        return html`${this._facts(file)}${this._shown()}${this.isChosen ? nothing : this._own(file)}`;
    }
}
customElements.define("veche-any-file", VecheAnyFile);
