//! What was recorded, as a list.

use super::footage::segment;
use super::*;

#[tokio::test]
async fn segments_are_listed_over_all_time_page_by_page() {
    let running = start().await;
    running.add("Garden").await;
    let starts = [0, 1, 2, 3, 4].map(|n| UtcMs(1_795_205_640_000 + n * 180_000));
    for start in starts {
        running.film(&segment(start, 180_000));
    }
    let list = async |query: &str| {
        let path = format!("/api/v1/cameras/garden/main/segments?{query}");
        let page = running.admin(Method::GET, &path, None).await.json();
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).clone();
        let starts: Vec<_> = items.iter().map(|item| item["start_utc_ms"].as_i64()).collect();
        (starts, page["next"].as_str().map(ToOwned::to_owned))
    };
    let all = starts.map(|start| Some(start.0));
    assert_eq!(list("").await, (all.to_vec(), None), "without a range: all there is");
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let (page, next) = list(&query).await;
        assert!(page.len() <= 2, "a page is no longer than asked for: {page:?}");
        seen.extend(page);
        let Some(next) = next else { break };
        query = format!("limit=2&after={next}");
    }
    assert_eq!(seen, all, "pages join without a hole");
    let third = starts[2].0;
    assert_eq!(list(&format!("from_utc_ms={third}")).await.0, all[2..], "from then on");
    assert_eq!(list(&format!("to_utc_ms={third}")).await.0, all[..2], "until then");
    let path = format!("/api/v1/cameras/garden/main/segments?from_utc_ms={third}&to_utc_ms=1");
    let answer = running.admin(Method::GET, &path, None).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "it ends before it begins");
}
