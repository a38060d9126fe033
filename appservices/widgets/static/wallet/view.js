/**
 * Base of the views of the wallet: only for whoever is signed in, alive by long poll, with the way
 * between them above.
 *
 * @typedef {import("./api.js").Wallet} Wallet
 */
import { html, nothing } from "lit";
import { View } from "../cases/view.js";
import { t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { session } from "../kit/session.js";
import { signInHref } from "../kit/shell.js";
import { followWallet } from "./api.js";

const ROWS = 3;

export class WalletView extends View {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...View.properties,
        wallet: { state: true },
    });

    constructor() {
        super();
        /** @type {Wallet | undefined} */
        this.wallet = undefined;
        /** @type {(() => void) | undefined} */
        this._unfollow = undefined;
    }

    /** @param {AbortSignal} _signal */
    start(_signal) {
        this.wallet = undefined;
        if (session()) this._unfollow = this.follow();
    }

    /** Follows what is shown. @returns {() => void} stops it */
    follow() {
        return followWallet(
            (wallet) => {
                this.wallet = wallet;
                this.error = undefined;
                this.changed(wallet);
            },
            (error) => this.fail(error),
        );
    }

    stop() {
        this._unfollow?.();
        this._unfollow = undefined;
    }

    /** The wallet is another. @param {Wallet} _wallet */
    changed(_wallet) {}

    /** Goes to another view. @param {string} href @param {Record<string, unknown>} [state] for it */
    go(href, state = {}) {
        const detail = { href, state };
        this.dispatchEvent(new CustomEvent("veche-go", { detail, bubbles: true }));
    }

    /** @param {import("./route.js").WalletRoute["view"]} here */
    ways(here) {
        /** @type {[import("./route.js").WalletRoute["view"], string, string][]} */
        const ways = [
            ["wallet", "/wallet", t("Overview")],
            ["pay", "/wallet/pay", t("Pay")],
            ["request", "/wallet/request", t("Be paid")],
            ["booked", "/wallet/history", t("History")],
            ["mandates", "/wallet/mandates", t("Mandates")],
            ["trust", "/wallet/trust", t("People and deals")],
            ["disputes", "/wallet/disputes", t("Disputes")],
            ["bank", "/wallet/bank", t("Bank")],
            ["limits", "/wallet/limits", t("Limits")],
        ];
        return html`<nav class="ways" aria-label=${t("Wallet")}>
            <ul>
                ${ways.map(
                    ([view, href, words]) =>
                        html`<li>
                            <a href=${href} aria-current=${view === here ? "page" : nothing}
                                >${words}</a
                            >
                        </li>`,
                )}
            </ul>
        </nav>`;
    }

    /** What stands there for whoever is not signed in. */
    stranger() {
        return html`<section class="empty">
            ${icon("key")}
            <p class="empty-title">${t("Only you see your wallet")}</p>
            <p class="secondary-text">
                ${t("Sign in with the link that the payments bot sends you: write “page” to it.")}
            </p>
            <p class="actions">
                <a class="button primary" href=${signInHref()}>${t("Sign in")}</a>
            </p>
        </section>`;
    }

    /**
     * The three faces of a view: for a stranger, loading or failed, and what it is for.
     * @param {import("./route.js").WalletRoute["view"]} here
     * @param {(wallet: Wallet) => unknown} content
     */
    framed(here, content) {
        return this.inFrame(here, this.wallet && content(this.wallet));
    }

    /**
     * The same around what is there already.
     * @param {import("./route.js").WalletRoute["view"]} here
     * @param {unknown} content undefined until there is some
     */
    inFrame(here, content) {
        if (!session() && !content) return html`${this.head()} ${this.stranger()}`;
        return html`${this.ways(here)} ${this.head()} ${this.error ? this.problem() : nothing}
        ${content ?? (this.error ? nothing : this.loading(ROWS))}`;
    }
}
