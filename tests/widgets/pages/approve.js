/** The page on which a key signs. */
import { BASE } from "../harness.js";

export class ApprovePage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.heading = page.getByRole("heading", { level: 1 });
        this.hero = page.locator(".hero");
        this.facts = page.locator(".sheet");
        this.yes = page.locator(".actions .button.primary");
        this.no = page.getByRole("button", { name: "Decline" });
        this.alert = page.locator("main [role=alert]");
    }

    /** @param {unknown} asked the whole, or its nonce */
    visit(asked) {
        return this.page.goto(BASE + approvePath(asked));
    }

    /** @returns {Promise<[string, string][]>} name and value of all that is shown */
    async shown() {
        const names = await this.facts.locator("dt").allInnerTexts();
        const values = await this.facts.locator("dd").allInnerTexts();
        return names.map((name, at) => [name, values[at] ?? ""]);
    }

    /** Presses the button that closes the tab. */
    async close() {
        const closed = this.page.waitForEvent("close");
        // Whether the press is over before the tab is gone, is luck; that it goes is waited for.
        const press = this.page.getByRole("button", { name: "Close" }).click();
        await Promise.all([closed, press.catch(() => {})]);
    }
}

/** @param {unknown} asked */
export function approvePath(asked) {
    const text = typeof asked === "string" ? asked : JSON.stringify(asked);
    return `/approve#${encodeURIComponent(text)}`;
}
