/** One case: where it stands, its form, its questions, its documents. */
import { AgencyFake, CASE } from "../agency_fake.js";
import { AppPage } from "./app.js";

export class CasePage extends AppPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        super(page);
        this.card = page.locator(".case-card");
        this.state = this.card.locator(".badge");
        this.form = page.locator("veche-form");
        this.send = this.form.getByRole("button", { name: "Send", exact: true });
        this.kept = page.locator(".kept");
        this.summary = page.locator(".summary");
        this.history = page.locator("veche-history");
        this.documents = page.getByRole("region", { name: "Documents" });
        this.refusal = page.getByRole("region", { name: "Refused" });
    }

    /** @param {string} id */
    visit(id) {
        return this.open(`/cases/${id}`);
    }

    /** @param {string} label @returns {import("playwright-core").Locator} */
    field(label) {
        return this.form.getByLabel(label);
    }

    /** @param {string} id @returns {import("playwright-core").Locator} what is said to be wrong with a field */
    error(id) {
        return this.form.locator(`[data-field="${id}"] .error`);
    }

    /** @param {string} label of a choice, or a command */
    button(label) {
        return this.page.getByRole("button", { name: label });
    }

    saved() {
        return this.kept.getByText("Saved.").waitFor();
    }
}

/**
 * Open the page of a case as a fake office serves it.
 *
 * @param {import("../harness.js").Opened} opened
 * @param {Record<string, any>} shown
 */
export async function caseOf(opened, shown) {
    const fake = new AgencyFake();
    fake.case = shown;
    await fake.serve(opened);
    const one = new CasePage(opened.page);
    await one.visit(CASE);
    await one.card.waitFor();
    return { fake, one };
}
