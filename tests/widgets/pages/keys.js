/** My keys. */
import { BASE } from "../harness.js";

export class KeysPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.make = page.getByRole("button", { name: "Make a key for this device" });
        this.label = page.getByLabel("Name of this device");
        this.browserKey = page.getByLabel("Key of this browser");
        this.makeKey = page.getByRole("button", { name: "Make the key" });
        this.words = page.locator(".words.big");
        this.code = page.getByLabel("The code from your chat");
        this.made = page.locator(".made");
        this.keys = page.locator("li.key");
        this.revoke = page.locator("li.key").getByRole("button", { name: /^Revoke/ });
        this.dialog = page.getByRole("dialog");
        this.log = page.locator(".log li");
        this.sessions = page.locator("li.session");
        this.limit = page.getByLabel("Limit a day, in EUR");
        this.setLimit = page.getByRole("button", { name: "Set" });
        this.error = page.locator(".error");
        this.alert = page.locator("main [role=alert]");
    }

    visit(fragment = "") {
        return this.page.goto(`${BASE}/keys${fragment}`);
    }
}
