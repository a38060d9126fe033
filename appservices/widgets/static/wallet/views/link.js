/**
 * What is to be paid by a link or a code: an invoice for whoever has its link, signed in or not; a
 * person, whose form is filled in; or a code that is scanned or pasted here.
 *
 * @typedef {import("../api.js").Code} Code
 * @typedef {import("../api.js").Invoice} Invoice
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { session } from "../../kit/session.js";
import { mark } from "../../kit/marks.js";
import { signInHref } from "../../kit/shell.js";
import { linkOf, payInvoice, readCode, readInvoice } from "../api.js";
import { invoiceCard } from "../elements/invoice.js";
import "../elements/order_form.js";
import "../elements/payout_form.js";
import "../elements/scanner.js";
import { codeImage } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

export class VecheLink extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        invoice: { state: true },
        code: { state: true },
        failure: { state: true },
        isBusy: { state: true },
    });

    constructor() {
        super();
        /** @type {Invoice | undefined} */
        this.invoice = undefined;
        /** @type {Code | undefined} what a code or a link to a person asks for */
        this.code = undefined;
        /** @type {unknown} */
        this.failure = undefined;
        this.isBusy = false;
        this.fragment = "";
    }

    get heading() {
        if (this.invoice) return t("Invoice of {name}", { name: this.invoice.issuer.name });
        if (this.code) return t("Pay this code");
        return t("Scan or paste a code");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        super.start(signal);
        const { route } = this;
        const given = route.view === "link" ? route.fragment : undefined;
        this.fragment = given ?? location.hash.slice(1);
        Object.assign(this, { invoice: undefined, code: undefined, failure: undefined });
        const link = linkOf(this.fragment);
        if (link) void this._read(() => readInvoice(link, signal).then((invoice) => ({ invoice })));
        else if (this.fragment) void this._scan(location.href);
    }

    /** @param {() => Promise<Partial<VecheLink>>} read */
    async _read(read) {
        if (this.isBusy) return;
        const { signal } = this._stopped;
        Object.assign(this, { isBusy: true, failure: undefined });
        try {
            const found = await read();
            if (!signal.aborted) Object.assign(this, found);
        } catch (error) {
            if (!signal.aborted) this.failure = error;
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {string} text of a code */
    _scan(text) {
        return this._read(async () => {
            const code = await readCode(text);
            if (code.kind !== "invoice") return { code };
            location.hash = code.link ?? ""; // the document begins anew with it
            return {};
        });
    }

    async _pay() {
        const link = linkOf(this.fragment);
        if (!link) return;
        await this._read(async () => {
            this.go(paymentHref((await payInvoice(link)).id));
            return {};
        });
    }

    _failure() {
        return this.failure
            ? problem(this.failure, { again: () => this.restart(), signIn: signInHref() })
            : nothing;
    }

    _signIn() {
        return html`<p class="actions">
                <a class="button primary" href=${signInHref()}>${t("Sign in and pay")}</a>
            </p>
            <p class="small secondary-text">
                ${t("You come back here. Nothing is paid before you approve it with your key.")}
            </p>`;
    }

    /** @param {Invoice} invoice */
    _invoice(invoice) {
        const pay = session()
            ? html`<p class="actions">
                  ${button({
                      label: t("Pay this"),
                      is_busy: this.isBusy,
                      press: () => void this._pay(),
                  })}
              </p>`
            : this._signIn();
        return html`${invoiceCard(invoice)} ${this._failure()}
            ${invoice.refusal ? banner("info", html`<p>${invoice.refusal}</p>`) : pay}
            <details class="more">
                <summary>${t("Pay on another device")}</summary>
                <p class="secondary-text">
                    ${t("Scan this with the wallet there. Anybody who has it can see and pay this invoice.")}
                </p>
                ${codeImage(invoice.code, t("Code of this invoice"))}
            </details>`;
    }

    /** @param {Code} code */
    _facts({ facts }) {
        if (!facts.length) return nothing;
        return html`<dl class="facts">
            ${facts.map(
                ({ name, value }) =>
                    html`<dt>${name}</dt>
                        <dd><bdi>${value}</bdi></dd>`,
            )}
        </dl>`;
    }

    /** @param {Code} code */
    _code(code) {
        const { payee, amount, currency, reference } = code;
        const head = html`<article class="card">
            ${
                payee
                    ? html`<div class="question-who">
                          ${mark(payee)}
                          <p>
                              <strong><bdi>${payee.name || payee.address}</bdi></strong>
                              <code class="address"><bdi>${payee.address}</bdi></code>
                          </p>
                      </div>`
                    : nothing
            }
            ${amount ? html`<p class="big-amount">${amount} ${currency}</p>` : nothing}
            ${reference ? html`<p><bdi>${reference}</bdi></p>` : nothing} ${this._facts(code)}
        </article>`;
        return html`${banner("info", html`<p>${code.words}</p>`)}
            ${code.kind === "other" || !session() ? head : nothing} ${this._form(code)}
            <p><a href="/pay">${t("Another code")}</a></p>`;
    }

    /** @param {Code} code */
    _form({ kind, payee, amount, currency, reference }) {
        if (kind === "other" || !payee) return nothing;
        if (!session()) return this._signIn();
        if (!this.wallet) return this.loading(2);
        const asked = (/** @type {CustomEvent} */ { detail }) => this.go(paymentHref(detail.id));
        if (kind === "bank")
            return html`<veche-payout-form
                class="card"
                .wallet=${this.wallet}
                .order=${{ iban: payee.address, name: payee.name, amount, currency, reference }}
                @veche-ordered=${asked}
            ></veche-payout-form>`;
        return html`<veche-order-form
            class="card"
            .wallet=${this.wallet}
            .order=${{ payee: payee.address, amount, currency, reference }}
            @veche-ordered=${asked}
        ></veche-order-form>`;
    }

    _scanner() {
        return html`<p class="secondary-text">
                ${t("A code pays nothing: it fills in a form, and you see everything before you approve.")}
            </p>
            ${this._failure()}
            <veche-scanner
                .isBusy=${this.isBusy}
                @veche-scanned=${(/** @type {CustomEvent} */ { detail }) => void this._scan(detail)}
            ></veche-scanner>`;
    }

    _content() {
        if (this.invoice) return this._invoice(this.invoice);
        if (this.code) return this._code(this.code);
        if (this.fragment && !this.failure) return this.loading(2);
        return this._scanner();
    }

    render() {
        return html`${session() ? this.ways("link") : nothing}
            <div class="pay-page">${this.head()} ${this._content()}</div>`;
    }
}
customElements.define("veche-link", VecheLink);
