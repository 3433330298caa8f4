//! Conditional access: policies in Cedar over what is known of a request.
