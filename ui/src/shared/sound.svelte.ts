/**
 * Whether the one camera that is seen alone is heard too.
 *
 * As long as the page lasts, from camera to camera. Not longer: a page that has just been opened may not be heard
 * before somebody clicks.
 */
class SoundChoice {
  isOn = $state(false);

  toggle(): void {
    this.isOn = !this.isOn;
  }
}

export const sound = new SoundChoice();
