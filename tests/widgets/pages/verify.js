/** The page that verifies receipts, and the little that our server says to it. */
import { BASE } from "../harness.js";

export class VerifyPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.file = page.getByLabel("The receipt or the document");
        this.another = page.getByText("A receipt of another server");
        this.key = page.getByLabel("Key of its ledger");
        this.genuine = page.getByText("This receipt is genuine.");
        this.banner = page.locator("main .banner");
        this.facts = page.locator("main .facts");
        this.steps = page.locator("main .checks li");
        this.look = page.getByRole("button", { name: "Look into the published ledger" });
        this.alert = page.locator("main [role=alert]");
        /** @type {string[]} what our server was asked, beside the files of the page */
        this.asked = [];
    }

    /**
     * @param {string[]} keys those that our server publishes
     * @param {(id: string) => {status: number, json: unknown}} proof
     */
    async visit(keys, proof) {
        await this.page.route("**/.well-known/veche/payments", (route) => {
            this.asked.push("keys");
            return route.fulfill({ json: { v: 1, api: "/_veche/payments/v1", keys } });
        });
        await this.page.route("**/_veche/**", (route) => {
            const id = route.request().url().split("/").at(-1) ?? "";
            this.asked.push(id);
            return route.fulfill(proof(id));
        });
        await this.page.goto(`${BASE}/verify`);
    }

    /** @param {unknown} value what is in the file */
    choose(value) {
        const buffer = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
        const mimeType = "application/json";
        return this.file.setInputFiles({ name: "receipt.json", mimeType, buffer });
    }
}
