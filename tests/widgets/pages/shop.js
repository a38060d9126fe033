/** The page of a shop that has an invoice paid: the sample of the guide for merchants. */
import { BASE } from "../harness.js";

export class ShopPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.pay = page.getByRole("button", { name: "Pay 8.40 EUR" });
        this.said = page.getByRole("status");
    }

    /** @param {string} address */
    async visit(address) {
        await this.page.goto(address);
        await this.page.evaluate(async (script) => {
            const own = /** @type {any} */ (window);
            own.heard = [];
            const { onEvent } = await import(script);
            onEvent("invoiceClosed", (/** @type {unknown} */ event) => own.heard.push(event));
        }, `${BASE}/shop/open_invoice.js`);
    }

    /** Presses the button. @returns {Promise<import("playwright-core").Page>} the tab that it opens */
    async open() {
        const [tab] = await Promise.all([
            this.page.context().waitForEvent("page"),
            this.pay.click(),
        ]);
        await tab.waitForLoadState();
        return tab;
    }

    /** @returns {Promise<unknown[]>} the events so far */
    heard() {
        return this.page.evaluate(() => /** @type {any} */ (window).heard);
    }

    /** Somebody looks at another window, and comes back. */
    leaveAndReturn() {
        return this.page.evaluate(() => {
            window.dispatchEvent(new Event("blur"));
            window.dispatchEvent(new Event("focus"));
        });
    }

    /**
     * What a script of this page gets, or why not.
     * @param {string} address
     * @param {RequestInit} [options]
     * @returns {Promise<unknown>} status and body; "nothing" if the browser gives it none
     */
    read(address, options = {}) {
        return this.page.evaluate(async ([url, given]) => {
            try {
                const answer = await fetch(url, given);
                return [answer.status, await answer.json()];
            } catch {
                return "nothing";
            }
        }, /** @type {const} */ ([address, options]));
    }
}
