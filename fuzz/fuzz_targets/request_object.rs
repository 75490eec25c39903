//! libFuzzer's door to [`bindery_fuzz::request_object`], where the properties are stated.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bindery_fuzz::request_object(data);
});
