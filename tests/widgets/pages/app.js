/**
 * The pages of a tab as a person uses them: what stands around every view.
 *
 * @typedef {import("playwright-core").Page} Page
 */
import { BASE } from "../harness.js";

export class AppPage {
    /** @param {Page} page */
    constructor(page) {
        this.page = page;
        this.heading = page.getByRole("heading", { level: 1 });
        this.nav = page.getByRole("navigation", { name: "Pages" });
        this.signIn = page.locator("veche-bar").getByRole("link", { name: "Sign in" });
        this.account = page.getByRole("button", { name: /^Your account/ });
        this.offline = page.getByText("No connection.");
        this.alert = page.getByRole("alert").filter({ hasText: /./ });
    }

    /** @param {string} path */
    async open(path) {
        await this.page.goto(BASE + path);
        await this.page.locator("veche-bar header").waitFor();
    }

    /** @param {string} name of one of the pages */
    async goTo(name) {
        await this.nav.getByRole("link", { name, exact: true }).click();
    }

    /** @param {string} title waits until this is the heading, which has the focus */
    async isAt(title) {
        await this.page.waitForFunction((wanted) => {
            const heading = document.querySelector("main h1");
            return heading?.textContent?.trim() === wanted && document.activeElement === heading;
        }, title);
    }

    /** @returns {string} path and query */
    get place() {
        const url = new URL(this.page.url());
        return url.pathname + url.search;
    }

    async signOut() {
        await this.account.click();
        await this.page.getByRole("button", { name: "Sign out" }).click();
    }

    /** @param {string} code */
    async speak(code) {
        await this.page.locator("#foot-language").selectOption(code);
    }

    /** @param {"" | "light" | "dark"} name */
    async look(name) {
        await this.page.locator("#foot-theme").selectOption(name);
    }
}
