//! Calls `tarpc_server`, which says how to run both.

use std::error::Error;

use examples_tarpc::{NAME, WeatherClient, over};
use ipc_async::{Stream, connect};
use ipc_ring::control::Builder;
use tarpc::{client, context};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let connection = connect(&Builder::new(NAME)).await?;
    let server = WeatherClient::new(client::Config::default(), over(Stream::new(connection)?)).spawn();
    let now = context::current;
    match words[..] {
        ["note", place, degrees] => {
            println!("{}", server.note(now(), place.to_owned(), degrees.parse()?).await?);
        }
        ["mean", place] => match server.mean(now(), place.to_owned()).await? {
            Some(mean) => println!("{mean}"),
            None => println!("nothing is known of {place}"),
        },
        // Answers come as they are ready, not in the order of the calls.
        ["both"] => {
            let slow = async {
                println!("{}", server.slow(now()).await?);
                Ok::<(), client::RpcError>(())
            };
            let quick = async {
                let place = "oslo".to_owned();
                println!("{:?}", server.mean(now(), place).await?);
                Ok(())
            };
            tokio::try_join!(slow, quick)?;
        }
        _ => return Err("say one of: note PLACE DEGREES, mean PLACE, both".into()),
    }
    Ok(())
}
