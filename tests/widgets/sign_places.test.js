// stage: signing
import assert from "node:assert/strict";
import { ask, glance, test } from "./harness.js";
import { atNew, choose, opened, service } from "./sign_new_fake.js";

test("a box is moved by the keyboard and by the pointer, and stays where it was put", async ({
    open,
}) => {
    const { page, heard } = await atNew(open);
    await choose(page, "plain");
    await page.getByLabel("What the document is").fill("Lease");
    await page.locator("main").getByLabel("Account").fill("bob");
    await page.getByLabel("Box of the signature").selectOption("bottom right");
    await page.getByRole("button", { name: "Move on the page" }).click();
    const box = page.getByRole("button", { name: /move it with the arrow keys/ });
    await box.press("ArrowUp");
    await box.scrollIntoViewIfNeeded();
    const before = await box.boundingBox();
    assert.ok(before);
    await page.mouse.move(before.x + 20, before.y + 10);
    await page.mouse.down();
    await page.mouse.move(before.x - 80, before.y - 90, { steps: 4 });
    await page.mouse.up();
    const after = await box.boundingBox();
    assert.ok(after && Math.abs(after.x - (before.x - 100)) < 3, "it followed the pointer");
    await glance(page, "sign-new-box");
    const wide = page.getByLabel("Width, in points");
    await box.press("Shift+ArrowRight");
    assert.equal(await wide.inputValue(), "205");
    await wide.fill("180");
    const corner = await box.boundingBox();
    assert.ok(corner);
    await page.mouse.move(corner.x + corner.width - 4, corner.y + corner.height - 4);
    await page.mouse.down();
    await page.mouse.move(corner.x + corner.width + 6, corner.y + corner.height + 26);
    await page.mouse.up();
    assert.ok(Number(await page.getByLabel("Height, in points").inputValue()) > 65);
    await page.getByLabel("From the left edge, in points").fill("0");
    const width = Number(await wide.inputValue());
    assert.ok(width > 180, "its corner made it wider");
    await page.getByRole("button", { name: "Done", exact: true }).click();
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByRole("button", { name: "Encrypt and send" }).click();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();

    const key = new URLSearchParams(
        new URL(await page.locator(".share").innerText()).hash.slice(1),
    );
    const secret = Buffer.from(key.get("k") ?? "", "base64url");
    const pdf = opened(secret, heard[1]?.body, "veche.signing.blob").toString("base64");
    const { corners, pages } = await ask("look_into", { pdf });
    assert.equal(pages, 1);
    assert.deepEqual([corners[0][0], corners[0][2]], [0, width]);
    assert.ok(corners[0][1] > 28 + 20, String(corners));
});

test("a box comes to where the page is tapped, and those of others on it are seen", async ({
    open,
}) => {
    const phone = { viewport: { width: 360, height: 740 }, hasTouch: true };
    const { page } = await atNew(open, service(), true, phone);
    await choose(page, "plain");
    const main = page.locator("main");
    const spot = "Box of the signature";
    await main.getByLabel("Account").fill("bob");
    await main.getByLabel(spot).selectOption("bottom right");
    await main.getByRole("button", { name: "One more person" }).click();
    const second = main.getByRole("group", { name: "Person 2" });
    await second.getByLabel("Account").fill("carol");
    await second.getByLabel(spot).selectOption("bottom right");

    await second.getByRole("button", { name: "Move on the page" }).click();
    const box = main.getByRole("button", { name: /move it with the arrow keys/ });
    const other = main.locator(".other-box");
    assert.equal(await other.innerText(), "bob");
    const [mine, theirs] = [await box.boundingBox(), await other.boundingBox()];
    assert.ok(mine && theirs && mine.y + mine.height <= theirs.y + 1, "it stands above bob's");
    const sheet = main.locator(".placing canvas");
    await sheet.tap({ position: { x: 120, y: 60 } });
    const [moved, on] = [await box.boundingBox(), await sheet.boundingBox()];
    assert.ok(moved && on);
    assert.ok(Math.abs(moved.x + moved.width / 2 - on.x - 120) < 2, JSON.stringify([moved, on]));
    assert.ok(Math.abs(moved.y + moved.height / 2 - on.y - 60) < 2, JSON.stringify([moved, on]));
    await glance(page, "sign-new-others");

    // Who has a corner makes room for whoever has a place to the point; two of these are told.
    const onOther = async () => {
        await other.scrollIntoViewIfNeeded();
        const now = await other.boundingBox();
        assert.ok(now);
        await page.touchscreen.tap(now.x + now.width / 2, now.y + now.height / 2);
        return now;
    };
    const status = main.locator(".card [role=status]");
    const left = await onOther();
    assert.equal(await status.innerText(), "");
    const room = await other.boundingBox();
    assert.ok(room && room.y + room.height <= left.y + 1, JSON.stringify([room, left]));
    await main.getByRole("button", { name: "Move on the page" }).first().click();
    await other.getByText("carol").waitFor();
    await onOther();
    await status.getByText("It covers the box of carol.").waitFor();
});
