/** Whether what turns a camera lies over its picture: as long as the page lasts, from camera to camera. */
class PadChoice {
  isShown = $state(true);

  toggle(): void {
    this.isShown = !this.isShown;
  }
}

export const pad = new PadChoice();
