/** The catalogue, and one service. */
import { AppPage } from "./app.js";

export class ServicesPage extends AppPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        super(page);
        this.words = page.getByLabel("What do you need?");
        this.office = page.getByLabel("Office");
        this.count = page.locator("veche-services .count");
        this.rows = page.locator("veche-services .rows .row");
        this.empty = page.getByText("No service has all of these words");
    }

    visit(search = "") {
        return this.open(`/services${search}`);
    }

    /** @param {string} title opens a service of the list */
    async choose(title) {
        await this.rows.filter({ hasText: title }).first().click();
    }
}

export class ServicePage extends AppPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        super(page);
        this.facts = page.locator("veche-service .facts");
        this.start = page.getByRole("button", { name: "Start", exact: true });
        this.signInAndStart = page.getByRole("link", { name: "Sign in and start" });
    }

    /** @param {string} office @param {string} service */
    visit(office, service) {
        return this.open(`/services/${office}/${service}`);
    }
}
