//! The derive of `ipc-describe`'s `Describe`; see there.
#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, LitStr, Path, parse_macro_input, parse_quote};

/// Derives `Describe`: see the documentation of `ipc_describe::Describe`.
#[proc_macro_derive(Describe, attributes(describe))]
pub fn derive(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// The contents of `#[describe(…)]`.
struct Attributes {
    name: Option<LitStr>,
    /// Where `ipc_describe` is found.
    path: Path,
}

fn attributes(input: &DeriveInput) -> Result<Attributes, Error> {
    let mut attributes = Attributes { name: None, path: parse_quote!(::ipc_describe) };
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("describe")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                attributes.name = Some(meta.value()?.parse()?);
                Ok(())
            } else if meta.path.is_ident("crate") {
                attributes.path = meta.value()?.parse::<LitStr>()?.parse()?;
                Ok(())
            } else {
                Err(meta.error("expected `name = \"…\"` or `crate = \"…\"`"))
            }
        })?;
    }
    Ok(attributes)
}

fn expand(input: &DeriveInput) -> Result<TokenStream, Error> {
    let Attributes { name, path } = attributes(input)?;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(
            input.ident.span(),
            "only structs are described: not every number is a value of an enum, and a union has no fields; use a number",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(
            data.fields.span(),
            "name the fields: their names are part of the description",
        ));
    };
    let constants = constants(input)?;
    let name = name.unwrap_or_else(|| LitStr::new(&input.ident.unraw().to_string(), input.ident.span()));
    let name = name_expression(&name, &constants)?;

    let types: Vec<_> = fields.named.iter().map(|field| &field.ty).collect();
    let idents: Vec<_> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
    let texts = idents.iter().map(|ident| ident.unraw().to_string());
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics #path::Describe for #ident #type_generics #where_clause {
            fn layout() -> #path::Layout {
                const {
                    assert!(
                        0 #(+ ::core::mem::size_of::<#types>())* == ::core::mem::size_of::<Self>(),
                        "the struct has padding: name it as a field",
                    );
                }
                #path::Layout::Struct {
                    name: #name,
                    size: ::core::mem::size_of::<Self>(),
                    align: ::core::mem::align_of::<Self>(),
                    fields: ::std::vec![#((
                        ::core::mem::offset_of!(Self, #idents),
                        <#types as #path::Describe>::layout(),
                        ::std::string::String::from(#texts),
                    )),*],
                }
            }
        }
    })
}

/// The names of constant parameters; there may be no others.
fn constants(input: &DeriveInput) -> Result<Vec<String>, Error> {
    let constant = |parameter: &GenericParam| match parameter {
        GenericParam::Const(constant) => Ok(constant.ident.to_string()),
        other => Err(Error::new(
            other.span(),
            "a described type has no parameters but constants: its name must mean the same in every language",
        )),
    };
    input.generics.params.iter().map(constant).collect()
}

/// An expression for the name with the values of the constants inserted.
fn name_expression(name: &LitStr, constants: &[String]) -> Result<TokenStream, Error> {
    let text = name.value();
    let mut rest = text.clone();
    for constant in constants {
        let placeholder = format!("{{{constant}}}");
        if !rest.contains(&placeholder) {
            let hint = format!(
                "the name must contain `{placeholder}`, so that types of other values have other names"
            );
            return Err(Error::new(name.span(), hint));
        }
        rest = rest.replace(&placeholder, "");
    }
    if rest.contains(['{', '}']) {
        return Err(Error::new(name.span(), "braces stand only around the name of a constant parameter"));
    }
    let arguments = constants.iter().map(|constant| {
        let ident = format_ident!("{constant}");
        quote!(#ident = #ident)
    });
    Ok(quote!(::std::format!(#text, #(#arguments),*)))
}
