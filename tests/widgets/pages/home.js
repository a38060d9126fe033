/** Home: what waits, open cases, services, offices. */
import { AppPage } from "./app.js";

export class HomePage extends AppPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        super(page);
        this.waiting = page.getByRole("region", { name: "Waiting for you" });
        this.cases = page.getByRole("region", { name: "Open cases" });
        this.services = page.getByRole("region", { name: "Services" });
        this.offices = page.getByRole("region", { name: "Your offices" });
        this.closed = page.locator(".closed-cases");
        this.empty = page.getByText("You have nothing to do now");
    }

    visit() {
        return this.open("/");
    }
}
