import { afterEach, expect, test, vi } from "vitest";

import { rtcMayTakeMore } from "./rtc";

afterEach(() => {
  vi.unstubAllGlobals();
});

function browser(...mimeTypes: string[]): void {
  const codecs = mimeTypes.map((mimeType) => ({ mimeType, clockRate: 90_000 }));
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs, headerExtensions: [] }) });
}

test("H.265 by WebRTC is for whom its own word says so", () => {
  browser("video/VP8", "video/rtx", "video/H264");
  expect(rtcMayTakeMore()).toBe(false);
  browser("video/H264", "video/H265", "video/rtx");
  expect(rtcMayTakeMore()).toBe(true);
});

test("AV1 by WebRTC is more where Media Source does not take it", () => {
  browser("video/H264", "video/AV1", "video/rtx");
  vi.stubGlobal("MediaSource", { isTypeSupported: (type: string) => type.includes("av01") });
  expect(rtcMayTakeMore()).toBe(false);
  vi.stubGlobal("MediaSource", { isTypeSupported: () => false });
  expect(rtcMayTakeMore()).toBe(true);
});

test("a browser without WebRTC takes nothing by it", () => {
  expect(rtcMayTakeMore()).toBe(false);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
  expect(rtcMayTakeMore()).toBe(false);
});
