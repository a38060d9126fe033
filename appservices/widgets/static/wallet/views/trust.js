/**
 * With whom one shares one's money: allowances with their history, guardians, open escrows.
 *
 * @typedef {import("../api.js").Trust} Trust
 * @typedef {import("../api.js").Allowance} Allowance
 * @typedef {import("../api.js").Guards} Guards
 * @typedef {import("../api.js").Escrow} Escrow
 */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { problem } from "../../cases/elements/problem.js";
import { button } from "../../kit/elements.js";
import { showDate, showDateTime, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import { mark } from "../../kit/marks.js";
import { endAllowance, followTrust } from "../api.js";
import "../elements/escrow.js";
import { capWords, factList, paymentRow } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

export class VecheTrust extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        trust: { state: true },
        busy: { state: true },
        failure: { state: true },
    });

    constructor() {
        super();
        /** @type {Trust | undefined} */
        this.trust = undefined;
        /** Id of the allowance that is being ended. */
        this.busy = "";
        /** @type {unknown} */
        this.failure = undefined;
        /** @type {(() => void) | undefined} */
        this._unfollowTrust = undefined;
    }

    get heading() {
        return t("People and deals");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        super.start(signal);
        this.trust = undefined;
        if (!session()) return;
        this._unfollowTrust = followTrust(
            (trust) => {
                this.trust = trust;
            },
            (error) => this.fail(error),
        );
    }

    stop() {
        super.stop();
        this._unfollowTrust?.();
        this._unfollowTrust = undefined;
    }

    /** @param {Allowance} allowance */
    async _end({ id }) {
        if (this.busy) return;
        Object.assign(this, { busy: id, failure: undefined });
        try {
            this.trust = await endAllowance(id);
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Allowance} allowance */
    _allowance(allowance) {
        const { is_given, other, payees, each_max, left, ends_at_ms, uses } = allowance;
        const title = is_given
            ? t("{name} may pay from your account", { name: other.name })
            : t("You may pay from the account of {name}", { name: other.name });
        return html`<li>
            <article class="card mandate" aria-label=${title}>
                <div class="question-who">
                    ${mark(other)}
                    <p>
                        <strong>${title}</strong>
                        <code class="address"><bdi>${other.address}</bdi></code>
                    </p>
                </div>
                ${factList([
                    [t("Left"), showMoney(left)],
                    [t("At once"), showMoney(each_max)],
                    [t("In all"), capWords(allowance)],
                    [t("To"), html`<bdi>${payees}</bdi>`],
                    [t("Until"), showDate(ends_at_ms - 1)],
                ])}
                ${
                    uses.length
                        ? html`<h3>${t("Paid by it")}</h3>
                              <ul class="rows">
                                  ${uses.map((one) => paymentRow(one, paymentHref(one.id), showDate(one.at_ms)))}
                              </ul>`
                        : nothing
                }
                <div class="actions">
                    ${button({
                        label: html`${is_given ? t("End it") : t("Give it up")}<span
                                class="hidden-text"
                            >
                                ${other.name}</span
                            >`,
                        style: "danger",
                        is_busy: this.busy === allowance.id,
                        press: () => void this._end(allowance),
                    })}
                </div>
            </article>
        </li>`;
    }

    /** @param {Guards} rule */
    _guards({ state, guardians, needed, above, is_shown, counts_from_ms }) {
        const names = guardians.map(({ name }) => name).join(", ");
        const count = guardians.length;
        return html`<li>
            <article class="card" aria-label=${t("Guardians")}>
                <p>
                    ${
                        count
                            ? t(
                                  "Payments above {amount} in a day have to be approved by {needed} of {count}: {names}.",
                                  { amount: showMoney(above), needed, count, names },
                              )
                            : t("Nobody has to approve your payments any more.")
                    }
                </p>
                ${
                    state === "asked"
                        ? html`<p class="secondary-text">
                              ${t("Not all of them have accepted yet.")}
                          </p>`
                        : nothing
                }
                ${
                    counts_from_ms
                        ? html`<p class="secondary-text">
                              ${t("It counts from {time} on.", { time: showDateTime(counts_from_ms) })}
                          </p>`
                        : nothing
                }
                ${
                    count
                        ? html`<p class="secondary-text">
                              ${is_shown ? t("They see whom you pay and how much.") : t("They see neither whom you pay nor how much.")}
                          </p>`
                        : nothing
                }
            </article>
        </li>`;
    }

    /** @param {Escrow[]} escrows */
    _escrows(escrows) {
        return html`<section
            @veche-trusted=${(/** @type {CustomEvent<Trust>} */ { detail }) => (this.trust = detail)}
        >
            <div class="section-head">
                <h2>${t("Escrows")}</h2>
                <a href="/wallet/escrow">${t("Put money aside for a deal")}</a>
            </div>
            ${
                escrows.length
                    ? html`<ul class="cards">
                              ${repeat(
                                  escrows,
                                  ({ id }) => id,
                                  (one) =>
                                      html`<li><veche-escrow .escrow=${one}></veche-escrow></li>`,
                              )}
                          </ul>
                          <p class="small secondary-text">
                              ${t("The same questions stand in your chat with the bank, and in the room of the deal. Whichever you answer first counts.")}
                          </p>`
                    : html`<div class="empty">
                          ${icon("document")}
                          <p>${t("Nothing is put aside for a deal.")}</p>
                      </div>`
            }
        </section>`;
    }

    /** @param {string} title @param {unknown[]} cards @param {string} mark_ @param {string} none */
    _section(title, cards, mark_, none) {
        return html`<section>
            <h2>${title}</h2>
            ${
                cards.length
                    ? html`<ul class="cards">
                          ${cards}
                      </ul>`
                    : html`<div class="empty">
                          ${icon(mark_)}
                          <p>${none}</p>
                      </div>`
            }
        </section>`;
    }

    /** @param {Trust} trust */
    _all({ allowances, guardians, escrows }) {
        return html`${this._section(
            t("Allowances"),
            allowances.map((one) => this._allowance(one)),
            "hand",
            t("Nobody else may pay from your account, and you may pay from nobody else's."),
        )}
        ${this._section(
            t("Guardians"),
            guardians.map((one) => this._guards(one)),
            "key",
            t("Nobody has to approve your payments."),
        )}
        ${this._escrows(escrows)}`;
    }

    render() {
        return this.framed(
            "trust",
            () =>
                html`${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
                ${this.trust ? this._all(this.trust) : this.failure ? nothing : this.loading(3)}`,
        );
    }
}
customElements.define("veche-trust", VecheTrust);
