/** The wallet in a real house: paying, invoices by their link, codes, banks, mandates, limits. */
// stage: bank
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { signedIn, withKey } from "./journeys.js";
import { BASE, ask, glance, look, test, until } from "./harness.js";
import { ApprovePage } from "./pages/approve.js";
import { WalletPage } from "./pages/wallet.js";

const IS_LONG = process.env.VECHE_LONG === "1";

/**
 * Somebody signed in with a key, at their wallet.
 * @param {import("./harness.js").Opened} opened
 * @param {string} person
 */
async function atWallet(opened, person) {
    await withKey(opened, person);
    const wallet = new WalletPage(opened.page);
    await wallet.visit();
    await wallet.balance.waitFor();
    return wallet;
}

/** Types what cannot be paid, and reads why beside its field. @param {WalletPage} wallet */
async function refuseAll(wallet) {
    /** @type {[string, string, string, string][]} */
    const wrong = [
        ["nobody", "5", "", "Nobody of this name can be paid here"],
        ["@eve:elsewhere.example", "5", "", "has no agreement with elsewhere.example"],
        ["alice", "5", "", "You cannot pay yourself"],
        ["bob", "1,250", "", "Is that a thousand"],
        ["bob", "0", "", "has to be above zero"],
        ["bob", "-5", "", "has to be above zero"],
        ["bob", "1.2345", "", "more decimals than its currency"],
        ["bob", "5 USD", "", "This currency is not kept here"],
        ["bob", "5", "a\u202eb", "characters that cannot be seen"],
    ];
    for (const [payee, amount, reference, words] of wrong) {
        await wallet.order(payee, amount, reference);
        await wallet.errors.getByText(words).waitFor();
    }
}

/**
 * Takes the statement in each of its forms.
 * @param {import("playwright-core").Page} page with the history
 */
async function downloadAll(page) {
    for (const [name, begin] of [
        ["CSV", "day,time,id"],
        ["camt.053", "<?xml"],
        ["PDF", "%PDF"],
    ]) {
        const [statement] = await Promise.all([
            page.waitForEvent("download"),
            page.getByRole("button", { name, exact: true }).click(),
        ]);
        const content = await readFile(await statement.path(), "latin1");
        assert.ok(content.startsWith(begin ?? ""), `${name}: ${content.slice(0, 40)}`);
    }
}

test("a payment is refused with words beside the field, or approved with the key and proved", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is refused
    await ask("person", { person: "bob" });
    const opened = await open({ acceptDownloads: true });
    const wallet = await atWallet(opened, "alice");
    const { page } = wallet;
    assert.equal(await wallet.balance.innerText(), "1,000.00 EUR");
    await look(page, "wallet");

    await page
        .getByRole("navigation", { name: "Wallet" })
        .getByRole("link", { name: "Pay" })
        .click();
    await wallet.goOn.click();
    assert.deepEqual(await wallet.errors.allInnerTexts(), ["Write to whom.", "Write how much."]);
    await refuseAll(wallet);
    await glance(page, "wallet-pay-refused");
    await wallet.order("bob", "5000");
    await wallet.alert.getByText("5,000.00 EUR are needed").waitFor();

    await wallet.order("bob", "12.50", "rent");
    await page.getByRole("heading", { name: "Do you want to pay this?" }).waitFor();
    for (const words of ["bob", "12.50 EUR", "rent", "0.00 EUR"])
        await page.locator(".question").getByText(words).first().waitFor();
    await glance(page, "wallet-question");
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Verify it here" }).click();
    await page.getByText("This receipt is genuine.").waitFor();
    await glance(page, "wallet-receipt");
    const [file] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download" }).click(),
    ]);
    const receipt = JSON.parse(await readFile(await file.path(), "utf-8"));
    assert.deepEqual(receipt.amount, { minor: 1250, currency: "EUR" });
    const [pdf] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "As a PDF" }).click(),
    ]);
    assert.match(pdf.suggestedFilename(), /^receipt-.*\.pdf$/);
    await ask("wait_for", { person: "alice", text: "Paid" });
    await ask("wait_for", { person: "bob", text: "You were paid" });

    await wallet.visit();
    await page.getByText("987.50 EUR").waitFor();
    await page.getByRole("link", { name: "All of them" }).click();
    await page.getByLabel("Search").fill("RENT");
    await page.locator(".day .row").filter({ hasText: "bob" }).waitFor();
    await until(async () => (await page.locator(".day .row").count()) === 1, "one line");
    await look(page, "wallet-history");
    await downloadAll(page);
});

test("an invoice is shown to whoever has its link, and paid once", async ({ open, expect }) => {
    expect(/status of 40[49]/); // altered links, what is paid already, a tip that is too much
    const opened = await open();
    const stranger = await open();
    const wallet = await atWallet(opened, "bob");
    const { page } = wallet;
    const { pay_url, id } = await ask("invoice", {
        person: "bob",
        minor: 2650,
        title: "Certificate",
    });
    const other = new WalletPage(stranger.page);
    await stranger.page.goto(pay_url);
    for (const words of ["Town of Lindenau", "26.50 EUR", "Postage", "Civil Status Fees Act"])
        await stranger.page.getByText(words).first().waitFor();
    await stranger.page.getByRole("link", { name: "Sign in and pay" }).waitFor();
    assert.ok(!(await stranger.page.locator("main").innerText()).includes("bob"));
    await glance(stranger.page, "pay-invoice");
    const altered = pay_url.replace(/.$/, (/** @type {string} */ one) => (one === "0" ? "1" : "0"));
    await stranger.page.goto(altered);
    await other.alert.waitFor();
    assert.equal(await stranger.page.getByText("Certificate").count(), 0);

    await wallet.rows.filter({ hasText: "Certificate" }).first().waitFor();
    await page.goto(pay_url);
    await wallet.payThis.click();
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    await page.goto(pay_url);
    await page.getByText("Somebody has paid this invoice already").waitFor();
    assert.equal(await wallet.payThis.count(), 0);
    await ask("withdraw", { invoice: id });
    await ask("wait_for", { person: "bob", text: "You got money back" });

    const tipped = await ask("invoice", {
        person: "bob",
        minor: 1000,
        title: "Cake",
        tips: [{ per_mille: 100 }],
    });
    await page.goto(tipped.pay_url);
    await wallet.payThis.click();
    await page.getByRole("button", { name: "10 %: 1.00 EUR" }).waitFor();
    await page.getByLabel("Another tip").fill("20");
    await page.getByRole("button", { name: "Add it" }).click();
    await wallet.alert.getByText("at most 10.00 EUR").waitFor();
    await page.getByLabel("Another tip").fill("2.50");
    await glance(page, "wallet-tip");
    await page.getByRole("button", { name: "Add it" }).click();
    const whole = page.getByRole("article", { name: "Payment" });
    await whole.getByText("12.50 EUR").first().waitFor();
    await whole.getByText("2.50 EUR", { exact: true }).waitFor();
    await glance(page, "wallet-tipped");
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    await page.getByText("12.50 EUR").first().waitFor();
});

// long
test("an invoice is paid from the account of somebody who allows it, by a press", async ({
    open,
}) => {
    const [owner, user] = [await open(), await open()];
    await ask("person", { person: "bob" });
    await atWallet(owner, "alice");
    const wallet = await atWallet(user, "bob");
    const { page } = wallet;
    await ask("say", { person: "alice", text: "allow @bob 20 EUR a month" });
    const { body } = await ask("wait_for", { person: "alice", text: "may then pay from" });
    const link = /http\S+\/approve#\S+/.exec(body)?.[0];
    assert.ok(link, body);
    await owner.page.goto(link);
    await new ApprovePage(owner.page).yes.click();
    await ask("wait_for", { person: "bob", text: "lets you pay from their account" });

    const { pay_url } = await ask("invoice", { person: "bob", minor: 425, title: "Milk" });
    await page.goto(pay_url);
    await wallet.payThis.click();
    const theirs = page.getByRole("button", { name: "From the account of @alice:" });
    await theirs.waitFor();
    await glance(page, "wallet-purse");
    // It is seen on its way first: then nothing of bob's own wallet changes when it is paid.
    await ask("hold_payments");
    await wallet.approve(theirs);
    await wallet.state.getByText("is being paid").waitFor();
    await ask("let_payments_go");
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    const told = await ask("wait_for", { person: "alice", text: "from your account" });
    assert.match(told.body, /bob paid 4\.25 EUR/);
});

// long
test("codes are scanned from a picture and read by the service, or refused with words", async ({
    open,
    expect,
}) => {
    expect(/status of 40[049]/); // what is refused
    const opened = await open();
    await signedIn(opened, "rich");
    const wallet = new WalletPage(opened.page);
    const { page } = wallet;
    await wallet.visit("/wallet/request");
    await wallet.code.waitFor();
    await wallet.amount.fill("7.20");
    await page.getByRole("textbox", { name: "What for" }).fill("tea");
    await page.getByRole("button", { name: "Make the code" }).click();
    await page.getByText("People who scan it see this amount").waitFor();
    await glance(page, "wallet-request");
    const picture = await wallet.code.screenshot();
    const link = await page.locator(".code-card code").innerText();
    assert.match(link, /\/pay#to=@rich:.*&am=7\.20&cu=EUR&for=tea$/);

    await wallet.visit("/pay");
    const choose = page.locator('input[type="file"]');
    await choose.setInputFiles({ name: "code.png", mimeType: "image/png", buffer: picture });
    await wallet.payee.waitFor();
    assert.match(await wallet.payee.inputValue(), /^@rich:/);
    assert.equal(await wallet.amount.inputValue(), "7.20");
    await glance(page, "pay-code");

    /** @type {[string, string][]} */
    const refused = [
        ["hello", "This is no payment code of a kind that is known here"],
        ["\0\x01", "This is no payment code of a kind that is known here"],
        ["https://example.org/pay", "damaged or was altered"],
        [`https://bank.example/pay#to=@bob:bank.example`, "leads to another institution"],
        [`${BASE}/pay#to=@bob:lindenau.localhost&am=1e9&cu=EUR`, "damaged or was altered"],
        ["BCD\n002\n1\nSCT\n\nBob\nDE02120300000000202052\nEUR5", "damaged or was altered"],
        ["BCD\n002\n1\nSCT\n\nB\u202eob\nDE02120300000000202051\nEUR5", "damaged or was altered"],
        [PIX.replace("6304", "6304F"), "damaged or was altered"],
        ["<script>alert(1)</script>", "This is no payment code"],
    ];
    // Each kind of refusal; every code is read in a long run, and by the tests of the service.
    const tried = IS_LONG ? refused : refused.slice(0, 4);
    for (const [text, words] of tried) {
        await wallet.visit("/pay");
        await wallet.read(text);
        await wallet.alert.getByText(words).waitFor();
    }
    await wallet.visit("/pay");
    await wallet.read(PIX);
    await page.getByText("This institution has no way to pay it").waitFor();
    await page.getByText("Fulano de Tal").waitFor();

    await wallet.visit("/wallet/bank");
    await wallet.code.waitFor();
    await glance(page, "wallet-bank");
    const reference = await page.locator("veche-copied code").nth(2).innerText();
    await ask("deposit", { minor: 5000, reference });
    await ask("wait_for", { person: "rich", text: "came in from your bank" });
    await wallet.visit("/pay");
    await wallet.read(
        "BCD\n002\n1\nSCT\n\nBob Beispiel\nDE02120300000000202051\nEUR50.00\n\n\nInvoice 7",
    );
    await page.getByLabel("Account (IBAN)").waitFor();
    assert.equal(await wallet.reference.inputValue(), "Invoice 7");
    await wallet.goOn.click();
    await page.getByRole("heading", { name: "Do you want to pay this?" }).waitFor();
    await page.getByText(/^The bank (says|does not say)/).waitFor();
    assert.equal(await wallet.alert.count(), 0);
});

test("that the bank knows the owner by another name is a warning, also when it is opened anew", async ({
    open,
}) => {
    const opened = await open();
    await signedIn(opened, "rich");
    const wallet = new WalletPage(opened.page);
    const { page } = wallet;
    await wallet.visit("/pay");
    await wallet.read("BCD\n002\n1\nSCT\n\nEve\nDE39999999990000000003\nEUR50.00");
    await wallet.goOn.click();
    await wallet.alert.getByText("not that of somebody of this name").waitFor();
    await wallet.visit(new URL(page.url()).pathname);
    await wallet.alert.getByText("not that of somebody of this name").waitFor();
    await glance(page, "wallet-wrong-name");
});

// long
test("mandates end in one tap, limits are set, everything is stopped at once", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is stopped
    await ask("person", { person: "bob" });
    const opened = await open();
    const wallet = await atWallet(opened, "wary");
    const { page } = wallet;
    const { id: mandate } = await ask("mandate", { person: "wary" });
    await wallet.rows.filter({ hasText: "asks for a mandate" }).waitFor();
    await wallet.visit("/wallet/mandates");
    await wallet.approve(page.getByRole("button", { name: "Give this mandate" }));
    await page.locator(".mandate .badge").getByText("active").waitFor();
    await glance(page, "wallet-mandates");
    await page.getByRole("button", { name: "Pause it" }).click();
    await page.locator(".mandate .badge").getByText("paused").waitFor();
    await page.getByRole("button", { name: "Let it go on" }).click();
    await page.locator(".mandate .badge").getByText("active").waitFor();
    await ask("charge", { mandate, minor: 700, title: "Meter" });
    await wallet.visit("/wallet");
    await wallet.rows.filter({ hasText: "Meter" }).click();
    await page.getByText("unless you pause or end the mandate before").waitFor();
    await page.getByRole("main").getByRole("link", { name: "Mandates" }).last().click();
    await page.getByRole("button", { name: "End it for ever" }).click();
    await page.getByText("Nobody may debit you.").waitFor();
    await wallet.visit("/wallet");
    await page.getByText("Latest payments").waitFor();
    assert.equal(await wallet.rows.filter({ hasText: "Meter" }).count(), 0);

    await wallet.visit("/wallet/trust");
    await page.getByText("Nobody has to approve your payments.").waitFor();
    await ask("say", { person: "wary", text: "escrow bob 10 EUR bicycle" });
    await page.getByText("bicycle").waitFor();
    await glance(page, "wallet-trust");

    await wallet.visit("/wallet/limits");
    await page.getByLabel("At most in 24 hours").fill("x");
    await page.getByRole("button", { name: "Set" }).nth(1).click();
    await wallet.errors.getByText("Write an amount like 50.").waitFor();
    await page.getByLabel("At most in 24 hours").fill("20");
    await page.getByRole("button", { name: "Set" }).nth(1).click();
    await page.getByText("Now: 20.00 EUR").waitFor();
    await glance(page, "wallet-limits");
    await wallet.visit("/wallet/pay");
    await wallet.order("bob", "30");
    await wallet.alert.getByText("above your own limit for a day").waitFor();
    await page.getByRole("button", { name: "Do not pay" }).click();
    await wallet.state.getByText("not paid").waitFor();

    await wallet.visit("/wallet/limits");
    await page.getByRole("button", { name: "Stop everything" }).click();
    await page.getByText("You stopped everything").waitFor();
    await ask("wait_for", { person: "wary", text: "unfreeze" });
    await wallet.visit("/wallet/pay");
    await wallet.order("bob", "5");
    await wallet.alert.getByText("You froze your payments").waitFor();
    await wallet.visit();
    await page.getByRole("button", { name: "Let payments go on" }).click();
    await wallet.approve(page.getByRole("button", { name: "Go on, with my key" }));
    await wallet.balance.waitFor();
    await page.getByText("You stopped everything").waitFor({ state: "detached" });
});

/** A static Pix code, as the manual of the Brazilian central bank has them. */
const PIX =
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000" +
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D";
