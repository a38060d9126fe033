/**
 * The wallet's first view: what there is, what waits for an answer, what happened last.
 *
 * @typedef {import("../api.js").Wallet} Wallet
 * @typedef {import("../api.js").Mandate} Mandate
 */
import { html, nothing } from "lit";
import { plural, showDate, showDateTime, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import "../elements/freeze.js";
import { paymentRow } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

export class VecheWallet extends WalletView {
    get heading() {
        return t("Wallet");
    }

    /** @param {Wallet} wallet */
    _balances({ balances, institution }) {
        return html`<section class="purse" aria-label=${t("Balance")}>
            <p class="purse-name">${institution}</p>
            ${balances.map(
                ({ available, held }) =>
                    html`<p class="purse-amount">${showMoney(available)}</p>
                        ${
                            held.minor
                                ? html`<p class="purse-held">
                                      ${t("Beside that {amount} set aside", { amount: showMoney(held) })}
                                  </p>`
                                : nothing
                        }`,
            )}
            <ul class="purse-ways">
                ${this._way("/wallet/pay", "pay", t("Pay"))}
                ${this._way("/wallet/request", "code", t("Be paid"))}
                ${this._way("/pay", "scan", t("Scan"))}
                ${this._way("/wallet/bank", "plus", t("Top up"))}
            </ul>
        </section>`;
    }

    /** @param {string} href @param {string} mark @param {string} words */
    _way(href, mark, words) {
        return html`<li>
            <a href=${href}><span class="way-icon">${icon(mark)}</span><span>${words}</span></a>
        </li>`;
    }

    /** @param {Wallet} wallet */
    _frozen({ unfreeze }) {
        return html`<veche-freeze .isFrozen=${true} .asked=${unfreeze}></veche-freeze>`;
    }

    /** @param {Wallet} wallet */
    _waiting({ open, mandates, disputes_open, escrows_open }) {
        const proposed = mandates.filter(({ state }) => state === "proposed");
        const isAny = open.length || proposed.length || disputes_open || escrows_open;
        if (!isAny) return nothing;
        return html`<section>
            <h2>${t("Waits for you")}</h2>
            <ul class="rows">
                ${disputes_open ? this._counted("/wallet/disputes", t("Disputes"), disputes_open) : nothing}
                ${escrows_open ? this._counted("/wallet/trust", t("Escrows"), escrows_open) : nothing}
                ${proposed.map((mandate) => this._proposed(mandate))}
                ${open.map((one) =>
                    paymentRow(
                        one,
                        paymentHref(one.id),
                        one.due_at_ms
                            ? t("until {time}", { time: showDateTime(one.due_at_ms) })
                            : showDateTime(one.at_ms),
                    ),
                )}
            </ul>
        </section>`;
    }

    /** @param {string} href @param {string} title @param {number} count */
    _counted(href, title, count) {
        return html`<li>
            <a class="row waits" href=${href}>
                <span class="row-main">
                    <span class="row-title">${title}</span>
                    <span class="row-meta"
                        >${plural("{count} waits for your answer", "{count} wait for your answer", count)}</span
                    >
                </span>
                ${icon("next")}
            </a>
        </li>`;
    }

    /** @param {Mandate} mandate */
    _proposed({ payee, purpose }) {
        return html`<li>
            <a class="row waits" href="/wallet/mandates">
                <span class="row-main">
                    <span class="row-title"
                        >${t("{name} asks for a mandate", { name: payee.name })}</span
                    >
                    <span class="row-meta"><bdi>${purpose}</bdi></span>
                </span>
                ${icon("next")}
            </a>
        </li>`;
    }

    /** @param {Wallet} wallet */
    _latest({ latest }) {
        return html`<section>
            <div class="section-head">
                <h2>${t("Latest payments")}</h2>
                <a href="/wallet/history">${t("All of them")}</a>
            </div>
            ${
                latest.length
                    ? html`<ul class="rows">
                          ${latest.map((one) => paymentRow(one, paymentHref(one.id), showDate(one.at_ms)))}
                      </ul>`
                    : html`<div class="empty">
                          ${icon("document")}
                          <p>${t("Nothing was paid yet.")}</p>
                      </div>`
            }
        </section>`;
    }

    render() {
        return this.framed(
            "wallet",
            (wallet) =>
                html`${wallet.is_frozen ? this._frozen(wallet) : nothing} ${this._balances(wallet)}
                ${this._waiting(wallet)} ${this._latest(wallet)}`,
        );
    }
}
customElements.define("veche-wallet", VecheWallet);
