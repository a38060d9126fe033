// stage: pages
import assert from "node:assert/strict";
import { AgencyFake, CASE, theCase } from "./agency_fake.js";
import { BASE, glance, test } from "./harness.js";
import { CasePage, caseOf } from "./pages/case.js";

test("a case with a fee is paid by a button, and the step is where it waits", async ({ open }) => {
    const opened = await open();
    const fake = new AgencyFake();
    const fee = { label: "Pay 12.00 EUR", url: `${BASE}/pay/abc` };
    const step_list = ["form", "pay", "review", "document"].map((kind) => ({ kind, text: kind }));
    fake.page = { ...fake.page, step_list };
    fake.case = theCase({ state: "paying", waits_for_you: true, next: "Pay it.", fee });
    await fake.serve(opened);
    const one = new CasePage(opened.page);
    await one.visit(CASE);
    const pay = one.page.getByRole("link", { name: "Pay 12.00 EUR" });
    await pay.waitFor();
    const now = one.page.locator(".steps .now");

    await now.getByText("pay").waitFor();
    assert.equal(await pay.getAttribute("href"), fee.url);
    await glance(opened.page, "case-fee");
});

test("in the app, which has another origin, a fee is paid on the pages", async ({ open }) => {
    const opened = await open();
    const pages = "http://pages.example";
    const fee = { label: "Pay 1.00 EUR", url: `${pages}/pay#abc` };
    await opened.page.addInitScript((origin) => {
        document.addEventListener("DOMContentLoaded", () => {
            const said = Object.assign(document.createElement("meta"), { name: "veche-pages" });
            document.head.append(Object.assign(said, { content: origin }));
        });
    }, pages);
    const { one } = await caseOf(opened, theCase({ state: "paying", fee }));

    const pay = one.page.getByRole("link", { name: "Pay 1.00 EUR" });
    assert.equal(await pay.getAttribute("href"), fee.url);
});

test("an address that is not safe is no button to pay", async ({ open }) => {
    const opened = await open();
    const fee = { label: "Pay 1.00 EUR", url: "javascript:alert(1)" };
    const { one } = await caseOf(opened, theCase({ state: "paying", fee }));

    assert.equal(await one.page.getByText("Pay 1.00 EUR").count(), 0);
});
