//! Every word that the tray, its menu and the local pages say, in each language.
//!
//! A new language is one more table. What the hub says (titles of events) comes as it is. What does not belong here:
//! when something is said.

/// One language. `{n}`, `{total}`, `{offline}` and `{line}` are filled in by [`fill`].
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) open: &'static str,
    pub(crate) pause: &'static str,
    pub(crate) resume: &'static str,
    pub(crate) mute: &'static str,
    pub(crate) unmute: &'static str,
    pub(crate) start_at_login: &'static str,
    pub(crate) quit_window: &'static str,
    pub(crate) stop_and_quit: &'static str,
    pub(crate) starting: &'static str,
    pub(crate) not_running: &'static str,
    pub(crate) no_cameras: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) recording_one: &'static str,
    pub(crate) recording_many: &'static str,
    pub(crate) recording_some: &'static str,
    pub(crate) recording_none: &'static str,
    pub(crate) with_alert: &'static str,
    pub(crate) with_alerts: &'static str,
    pub(crate) many_alarms: &'static str,
    pub(crate) many_over: &'static str,
    pub(crate) and_more: &'static str,
    pub(crate) saved: &'static str,
    pub(crate) not_saved: &'static str,
    pub(crate) cannot_start: &'static str,
    pub(crate) program_missing: &'static str,
    pub(crate) program_missing_todo: &'static str,
    pub(crate) ended_at_once: &'static str,
    pub(crate) ended_at_once_todo: &'static str,
    pub(crate) not_writable: &'static str,
    pub(crate) not_writable_todo: &'static str,
    pub(crate) no_answer: &'static str,
    pub(crate) no_answer_todo: &'static str,
    pub(crate) no_token: &'static str,
    pub(crate) no_token_todo: &'static str,
    pub(crate) no_port: &'static str,
    pub(crate) no_port_todo: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) log_is_at: &'static str,
}

static ENGLISH: Words = Words {
    open: "Open Tarsier",
    pause: "Pause recording",
    resume: "Resume recording",
    mute: "Mute alerts for 1 hour",
    unmute: "Turn alerts back on",
    start_at_login: "Start at login",
    quit_window: "Quit window (recording goes on)",
    stop_and_quit: "Stop recording and quit",
    starting: "Starting the recorder…",
    not_running: "The recorder is not running",
    no_cameras: "No cameras yet",
    paused: "Recording is paused",
    recording_one: "Recording 1 camera",
    recording_many: "Recording {n} cameras",
    recording_some: "Recording {n} of {total} cameras, {offline} offline",
    recording_none: "Nothing is being recorded",
    with_alert: "{line}, 1 alert",
    with_alerts: "{line}, {n} alerts",
    many_alarms: "{n} alerts about recording",
    many_over: "{n} alerts are over",
    and_more: "and {n} more",
    saved: "Saved",
    not_saved: "Could not be saved",
    cannot_start: "Tarsier cannot reach its recorder",
    program_missing: "The program tarsierd is not where this window is, so it cannot be started.",
    program_missing_todo: "Install Tarsier again; both programs belong into the same folder.",
    ended_at_once: "The recorder ended while it was starting.",
    ended_at_once_todo: "Its last words are below. Once that is mended, try again.",
    not_writable: "The data folder cannot be written to.",
    not_writable_todo: "Check that the disk is connected and not full, and that you may write there; then try again.",
    no_answer: "The recorder was started but does not answer.",
    no_answer_todo: "The computer may be very busy. Try again; if that does not help, look into its log.",
    no_token: "The recorder answers, but does not let this window in.",
    no_token_todo: "Another Tarsier with another data folder may be using its address. Stop that one, then try again.",
    no_port: "All addresses that the recorder may use on this computer are taken by other programs.",
    no_port_todo: "End one of the programs that use them (ports {n}), then try again.",
    retry: "Try again",
    log_is_at: "Log:",
};

static VIETNAMESE: Words = Words {
    open: "Mở Tarsier",
    pause: "Tạm dừng ghi hình",
    resume: "Ghi hình tiếp",
    mute: "Tắt cảnh báo trong 1 giờ",
    unmute: "Bật lại cảnh báo",
    start_at_login: "Khởi động khi đăng nhập",
    quit_window: "Thoát cửa sổ (vẫn tiếp tục ghi hình)",
    stop_and_quit: "Dừng ghi hình và thoát",
    starting: "Đang khởi động bộ ghi hình…",
    not_running: "Bộ ghi hình không chạy",
    no_cameras: "Chưa có camera nào",
    paused: "Đang tạm dừng ghi hình",
    recording_one: "Đang ghi 1 camera",
    recording_many: "Đang ghi {n} camera",
    recording_some: "Đang ghi {n} trên {total} camera, {offline} mất kết nối",
    recording_none: "Không ghi camera nào",
    with_alert: "{line}, 1 cảnh báo",
    with_alerts: "{line}, {n} cảnh báo",
    many_alarms: "{n} cảnh báo về ghi hình",
    many_over: "{n} cảnh báo đã kết thúc",
    and_more: "và {n} mục khác",
    saved: "Đã lưu",
    not_saved: "Không lưu được",
    cannot_start: "Tarsier không liên lạc được với bộ ghi hình",
    program_missing: "Không tìm thấy chương trình tarsierd bên cạnh cửa sổ này nên không thể khởi động nó.",
    program_missing_todo: "Hãy cài lại Tarsier; hai chương trình phải nằm trong cùng một thư mục.",
    ended_at_once: "Bộ ghi hình đã kết thúc trong lúc khởi động.",
    ended_at_once_todo: "Thông báo cuối cùng của nó ở bên dưới. Sửa xong, hãy thử lại.",
    not_writable: "Không ghi được vào thư mục dữ liệu.",
    not_writable_todo: "Kiểm tra ổ đĩa đã được nối, chưa đầy và bạn có quyền ghi, rồi thử lại.",
    no_answer: "Bộ ghi hình đã khởi động nhưng không trả lời.",
    no_answer_todo: "Có thể máy đang rất bận. Hãy thử lại; nếu vẫn không được, hãy xem nhật ký.",
    no_token: "Bộ ghi hình trả lời nhưng không cho cửa sổ này vào.",
    no_token_todo: "Có thể một Tarsier khác với thư mục dữ liệu khác đang dùng địa chỉ đó. Hãy dừng nó rồi thử lại.",
    no_port: "Mọi địa chỉ mà bộ ghi hình có thể dùng trên máy này đều bị chương trình khác chiếm.",
    no_port_todo: "Hãy đóng một trong các chương trình đang dùng các cổng {n}, rồi thử lại.",
    retry: "Thử lại",
    log_is_at: "Nhật ký:",
};

static KOREAN: Words = Words {
    open: "Tarsier 열기",
    pause: "녹화 일시 중지",
    resume: "녹화 다시 시작",
    mute: "1시간 동안 알림 끄기",
    unmute: "알림 다시 켜기",
    start_at_login: "로그인할 때 시작",
    quit_window: "창 닫기 (녹화는 계속됩니다)",
    stop_and_quit: "녹화를 중지하고 종료",
    starting: "녹화기를 시작하는 중…",
    not_running: "녹화기가 실행되고 있지 않습니다",
    no_cameras: "아직 카메라가 없습니다",
    paused: "녹화가 일시 중지되었습니다",
    recording_one: "카메라 1대 녹화 중",
    recording_many: "카메라 {n}대 녹화 중",
    recording_some: "카메라 {total}대 중 {n}대 녹화 중, {offline}대 연결 끊김",
    recording_none: "녹화 중인 카메라가 없습니다",
    with_alert: "{line}, 경고 1건",
    with_alerts: "{line}, 경고 {n}건",
    many_alarms: "녹화 경고 {n}건",
    many_over: "녹화 경고 {n}건이 해소되었습니다",
    and_more: "외 {n}건",
    saved: "저장했습니다",
    not_saved: "저장하지 못했습니다",
    cannot_start: "Tarsier가 녹화기에 연결할 수 없습니다",
    program_missing: "이 창과 같은 폴더에 tarsierd 프로그램이 없어 시작할 수 없습니다.",
    program_missing_todo: "Tarsier를 다시 설치하세요. 두 프로그램은 같은 폴더에 있어야 합니다.",
    ended_at_once: "녹화기가 시작하는 도중 종료되었습니다.",
    ended_at_once_todo: "마지막 메시지가 아래에 있습니다. 문제를 해결한 뒤 다시 시도하세요.",
    not_writable: "데이터 폴더에 쓸 수 없습니다.",
    not_writable_todo: "디스크가 연결되어 있고 가득 차지 않았는지, 쓰기 권한이 있는지 확인한 뒤 다시 시도하세요.",
    no_answer: "녹화기를 시작했지만 응답하지 않습니다.",
    no_answer_todo: "컴퓨터가 매우 바쁠 수 있습니다. 다시 시도하고, 그래도 안 되면 로그를 확인하세요.",
    no_token: "녹화기가 응답하지만 이 창의 접근을 허용하지 않습니다.",
    no_token_todo: "다른 데이터 폴더를 쓰는 Tarsier가 그 주소를 사용 중일 수 있습니다. 그것을 중지한 뒤 다시 시도하세요.",
    no_port: "이 컴퓨터에서 녹화기가 쓸 수 있는 주소를 모두 다른 프로그램이 사용하고 있습니다.",
    no_port_todo: "포트 {n}을(를) 사용하는 프로그램 중 하나를 종료한 뒤 다시 시도하세요.",
    retry: "다시 시도",
    log_is_at: "로그:",
};

/// The language of a locale name as systems write it: `vi-VN`, `ko_KR.UTF-8`, `en`.
pub(crate) fn for_locale(locale: &str) -> &'static Words {
    match locale.split(['-', '_', '.']).next() {
        Some("vi") => &VIETNAMESE,
        Some("ko") => &KOREAN,
        _ => &ENGLISH,
    }
}

/// Puts values into the places that a text leaves for them.
pub(crate) fn fill(text: &str, values: &[(&str, String)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_understood_however_the_system_writes_it() {
        for (locale, open) in [
            ("vi", VIETNAMESE.open),
            ("vi-VN", VIETNAMESE.open),
            ("ko_KR.UTF-8", KOREAN.open),
            ("en-GB", ENGLISH.open),
            ("C", ENGLISH.open),
            ("", ENGLISH.open),
        ] {
            assert_eq!(
                for_locale(locale).open,
                open,
                "locale {locale:?} must give its own language, else English"
            );
        }
    }

    #[test]
    fn every_language_leaves_the_same_places_for_numbers() {
        for words in [&VIETNAMESE, &KOREAN] {
            for (theirs, english, places) in [
                (words.recording_many, ENGLISH.recording_many, vec!["{n}"]),
                (words.recording_some, ENGLISH.recording_some, vec!["{n}", "{total}", "{offline}"]),
                (words.with_alert, ENGLISH.with_alert, vec!["{line}"]),
                (words.with_alerts, ENGLISH.with_alerts, vec!["{line}", "{n}"]),
                (words.many_alarms, ENGLISH.many_alarms, vec!["{n}"]),
                (words.many_over, ENGLISH.many_over, vec!["{n}"]),
                (words.and_more, ENGLISH.and_more, vec!["{n}"]),
                (words.no_port_todo, ENGLISH.no_port_todo, vec!["{n}"]),
            ] {
                for place in places {
                    assert!(
                        english.contains(place),
                        "the English text {english:?} must name {place}"
                    );
                    assert!(
                        theirs.contains(place),
                        "{theirs:?} must name {place} as the English text does"
                    );
                }
            }
        }
    }

    #[test]
    fn values_are_put_in_place() {
        let values =
            [("n", "1".to_owned()), ("total", "3".to_owned()), ("offline", "2".to_owned())];
        assert_eq!(fill(ENGLISH.recording_some, &values), "Recording 1 of 3 cameras, 2 offline");
    }
}
