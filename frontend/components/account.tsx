"use client";

import { DeleteAccount } from "@/components/delete-account";
import { Devices } from "@/components/devices";
import { Icon } from "@/components/icons";
import { PasswordForm } from "@/components/password-form";
import { ProfileForm } from "@/components/profile-form";
import { useDownload } from "@/lib/download";
import { api } from "@/lib/api";
import { session } from "@/lib/session";

export function Account() {
  const now = session.use();
  const user = now.state === "in" ? now.user : undefined;
  const [download, data] = useDownload(() => api().GET("/me/export", { parseAs: "blob" }), "playlist.json");
  return (
    <>
      <h1>Account</h1>
      <div className="sections">
        <section aria-labelledby="profile">
          <h2 id="profile">Profile</h2>
          <ProfileForm key={user?.id ?? ""} user={user} />
        </section>
        <section aria-labelledby="password">
          <h2 id="password">Password</h2>
          <PasswordForm email={user?.email ?? ""} />
        </section>
        <section aria-labelledby="devices">
          <h2 id="devices">Devices</h2>
          <Devices />
        </section>
        <section aria-labelledby="data">
          <h2 id="data">Your data</h2>
          <p>Everything that is kept about you, as one file of JSON.</p>
          {data.problem && (
            <p className="alert" role="alert">
              {data.problem.message}
            </p>
          )}
          <button className="button quiet" aria-disabled={data.busy} onClick={download}>
            <Icon name="out" />
            {data.busy ? "Preparing …" : "Download my data"}
          </button>
        </section>
        <section aria-labelledby="leaving">
          <h2 id="leaving">Leaving</h2>
          <DeleteAccount />
        </section>
      </div>
    </>
  );
}
