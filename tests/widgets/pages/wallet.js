/** The wallet, and the page on which links and codes are paid. */
import { BASE } from "../harness.js";
import { ApprovePage } from "./approve.js";

export class WalletPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.heading = page.getByRole("heading", { level: 1 });
        this.balance = page.locator(".purse-amount");
        this.rows = page.locator(".rows > li");
        this.payee = page.getByLabel("To whom");
        this.amount = page.getByLabel("How much");
        this.reference = page.getByLabel("What for");
        this.goOn = page.getByRole("button", { name: "Go on" });
        this.approveButton = page.getByRole("button", { name: "Approve with my key" });
        this.errors = page.locator(".field .error:not(:empty)");
        this.alert = page.locator("main [role=alert]");
        this.state = page.locator(".state-words");
        this.codeText = page.getByLabel("Or paste a link or a code");
        this.readIt = page.getByRole("button", { name: "Read it" });
        this.payThis = page.getByRole("button", { name: "Pay this" });
        this.code = page.locator("img.code-image");
    }

    /** @param {string} [path] below the origin */
    visit(path = "/wallet") {
        return this.page.goto(BASE + path);
    }

    /** @param {string} payee @param {string} amount @param {string} [reference] */
    async order(payee, amount, reference = "") {
        await this.payee.fill(payee);
        await this.amount.fill(amount);
        await this.reference.fill(reference);
        await this.goOn.click();
    }

    /**
     * Presses a button that opens the page for approving, and approves there.
     * @param {import("playwright-core").Locator} button
     */
    async approve(button) {
        const [popup] = await Promise.all([this.page.waitForEvent("popup"), button.click()]);
        const closed = popup.waitForEvent("close");
        await new ApprovePage(popup).yes.click();
        await closed; // by itself, once the service has the approval
    }

    /** @param {string} text of a link or a code */
    async read(text) {
        await this.codeText.fill(text);
        await this.readIt.click();
    }
}
