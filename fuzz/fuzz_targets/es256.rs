//! libFuzzer's door to [`bindery_fuzz::es256`], where the properties are stated.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bindery_fuzz::es256(data);
});
