/** The page on which one signs in. */
import { BASE } from "../harness.js";

export class SignInPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.heading = page.getByRole("heading", { level: 1 });
        this.person = page.getByLabel("Your Matrix id");
        this.send = page.getByRole("button", { name: "Send me a code" });
        this.code = page.getByLabel("The code");
        this.resend = page.getByRole("button", { name: "Send a new code" });
        this.another = page.getByRole("button", { name: "Another Matrix id" });
        this.atHomeserver = page.getByRole("button", { name: "Sign in at my homeserver" });
        this.find = page.getByRole("button", { name: "Find my homeserver" });
        this.address = page.getByLabel("Address of your homeserver");
        this.password = page.getByLabel("Password of your Matrix account");
        this.signIn = page.locator("form").getByRole("button", { name: "Sign in" });
        this.error = page.locator(".error");
        this.alert = page.locator("main [role=alert]");
    }

    visit(fragment = "") {
        return this.page.goto(`${BASE}/signin${fragment}`);
    }

    /** @param {string} person */
    async askCode(person) {
        await this.person.fill(person);
        await this.send.click();
        await this.code.waitFor();
    }

    /** @returns {Promise<any>} the session that the page keeps for the next one of its tab */
    async kept() {
        await this.page.goto(`${BASE}/static/none`);
        return this.page.evaluate(() =>
            JSON.parse(sessionStorage.getItem("veche.session") ?? "null"),
        );
    }
}
