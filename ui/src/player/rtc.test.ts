import { afterEach, expect, test, vi } from "vitest";

import { hasRtcH265 } from "./rtc";

afterEach(() => {
  vi.unstubAllGlobals();
});

function browser(...mimeTypes: string[]): void {
  const codecs = mimeTypes.map((mimeType) => ({ mimeType, clockRate: 90_000 }));
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs, headerExtensions: [] }) });
}

test("H.265 by WebRTC is for whom its own word says so", () => {
  browser("video/VP8", "video/rtx", "video/H264");
  expect(hasRtcH265()).toBe(false);
  browser("video/H264", "video/H265", "video/rtx");
  expect(hasRtcH265()).toBe(true);
});

test("a browser without WebRTC takes nothing by it", () => {
  expect(hasRtcH265()).toBe(false);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
  expect(hasRtcH265()).toBe(false);
});
