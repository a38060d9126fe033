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

/** Disputes: the form of a new one, and all there are. */
export class DisputesPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.wallet = new WalletPage(page);
        this.goOn = page.getByRole("button", { name: "Go on" });
        this.errors = this.wallet.errors;
        this.card = page.locator("veche-dispute").first();
        this.file = page.getByLabel("Send a file").first();
        this.words = page.getByLabel("Why");
        this.amount = page.getByLabel("How much goes back");
    }

    visit() {
        return this.wallet.visit("/wallet/disputes");
    }

    /** @param {string} reason @returns {import("playwright-core").Locator} the dispute with it */
    of(reason) {
        return this.page.locator("veche-dispute").filter({ hasText: reason });
    }

    /** @param {string} name */
    button(name) {
        return this.page.getByRole("button", { name, exact: true });
    }

    /** @param {string} amount @param {string} reason */
    async dispute(amount, reason) {
        await this.page.getByLabel("How much", { exact: true }).fill(amount);
        await this.page.getByLabel("What was wrong?").fill(reason);
        await this.goOn.click();
    }
}

/** Escrows: the form of a new one, and those that there are. */
export class EscrowsPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        this.wallet = new WalletPage(page);
        this.errors = this.wallet.errors;
        this.goOn = page.getByRole("button", { name: "Go on" });
        this.part = page.getByLabel(/^How much does \w+ get\?$/);
    }

    visit() {
        return this.wallet.visit("/wallet/trust");
    }

    /** @param {string} reference @returns {import("playwright-core").Locator} the escrow of it */
    of(reference) {
        return this.page.locator("veche-escrow").filter({ hasText: reference });
    }

    /** @param {string} seller @param {string} amount @param {string} reference @param {string} arbiters */
    async propose(seller, amount, reference, arbiters) {
        await this.page.getByLabel("With whom").fill(seller);
        await this.page.getByLabel("How much", { exact: true }).fill(amount);
        await this.page.getByLabel("What for").fill(reference);
        await this.page.getByLabel("Who else decides").fill(arbiters);
        await this.page.getByRole("button", { name: "Propose it" }).click();
    }
}
